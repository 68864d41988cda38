// The text of a PDF, page by page (pdf.js, loaded with the first PDF; its parser runs in a worker).
import * as pdfjs from 'pdfjs-dist/legacy/build/pdf.mjs';
import workerUrl from 'pdfjs-dist/legacy/build/pdf.worker.min.mjs?url';

pdfjs.GlobalWorkerOptions.workerSrc = workerUrl;
const mostPages = 3000;

export async function textOf(bytes: ArrayBuffer): Promise<string> {
    const task = pdfjs.getDocument({ data: new Uint8Array(bytes), disableFontFace: true, useSystemFonts: false, enableXfa: false, useWasm: false, verbosity: 0 });
    try {
        const document = await task.promise;
        if (document.numPages > mostPages) throw new Error(`it has more than ${mostPages} pages`);
        const pages: string[] = [];
        for (let number = 1; number <= document.numPages; number++) {
            const { items } = await (await document.getPage(number)).getTextContent();
            const text = items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('').trim();
            if (text) pages.push(document.numPages > 1 ? `[Page ${number}]\n${text}` : text);
        }
        return pages.join('\n\n');
    } catch (error) {
        if ((error as Error).name === 'PasswordException') throw new Error('it asks for a password');
        if ((error as Error).name === 'InvalidPDFException') throw new Error('it is no PDF, or a broken one');
        throw error;
    } finally { void task.destroy(); }
}
