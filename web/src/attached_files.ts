// Text files as context. What they cost is what the node's own tokenizer says.
import { countTokens } from './api';
import type { AttachedFile } from './conversation';

const largestFileBytes = 8 << 20;   // several times what the longest context holds

// Throws Error with words for people when the file is no text or too large.
export async function readFile(file: File): Promise<AttachedFile> {
    if (file.size > largestFileBytes) throw new Error(`${file.name} is larger than ${largestFileBytes >> 20} MB.`);
    let text: string;
    try {
        text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    } catch {
        throw new Error(`${file.name} is not a text in UTF-8.`);
    }
    if (text.includes('\0')) throw new Error(`${file.name} is not a text.`);
    return { name: file.name, text, tokens: await countTokens(text) };
}
