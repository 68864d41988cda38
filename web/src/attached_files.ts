// Files as context: texts and code as they are, PDF and Word documents as the text that is in them. What they cost is what
// the node's own tokenizer says.
import { countTokens } from './api';
import type { AttachedFile } from './conversation';

const largestTextBytes = 8 << 20;         // several times what the longest context holds
const largestDocumentBytes = 64 << 20;    // mostly pictures

type Reader = () => Promise<{ textOf: (bytes: ArrayBuffer) => Promise<string> }>;
const readers: Partial<Record<string, Reader>> = {
    pdf: () => import('./pdf_text'),
    docx: () => import('./docx_text'),
};

// For the file dialog: what cannot be read says so anyway.
export const acceptedFiles = 'text/*,.pdf,.docx,.md,.json,.csv,.xml,.yaml,.yml,.toml,.log,.ts,.tsx,.js,.jsx,.py,.rs,.go,.java,.c,.h,.cpp,.cu,.cs,.rb,.php,.sh,.sql,.html,.css';

// Throws Error with words for people when the file holds no text or is too large.
export async function readFile(file: File): Promise<AttachedFile> {
    const reader = readers[/\.(\w+)$/.exec(file.name)?.[1].toLowerCase() ?? ''];
    const most = reader ? largestDocumentBytes : largestTextBytes;
    if (file.size > most) throw new Error(`${file.name} is larger than ${most >> 20} MB.`);
    const bytes = await file.arrayBuffer();
    const text = reader ? await readDocument(file.name, bytes, reader) : plainText(file.name, bytes);
    if (text.length > largestTextBytes) throw new Error(`${file.name} holds more text than any context does.`);
    return { name: file.name, text, tokens: await countTokens(text) };
}

async function readDocument(name: string, bytes: ArrayBuffer, reader: Reader): Promise<string> {
    let text: string;
    try {
        text = await (await reader()).textOf(bytes);
    } catch (error) { throw new Error(`${name} cannot be read: ${(error as Error).message}`); }
    if (!text.trim()) throw new Error(`${name} holds no text, only pictures perhaps. A scan has to be made text first (OCR).`);
    return text;
}

function plainText(name: string, bytes: ArrayBuffer): string {
    let text: string;
    try {
        text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch { throw new Error(`${name} is not a text in UTF-8, a PDF or a Word document (.docx). Pictures are not read.`); }
    if (text.includes('\0')) throw new Error(`${name} is not a text.`);
    return text;
}
