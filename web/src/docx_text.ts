// The text of a Word document (mammoth, loaded with the first one).
import { extractRawText } from 'mammoth';

export async function textOf(bytes: ArrayBuffer): Promise<string> {
    try {
        return (await extractRawText({ arrayBuffer: bytes })).value.replace(/\n{3,}/g, '\n\n').trim();
    } catch { throw new Error('it is no Word document, or a broken one'); }
}
