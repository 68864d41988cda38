// OpenAI's own harmony renderer and parser, compiled to WebAssembly (npm: openai-harmony).
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ranks = new URL('../../build/o200k/o200k_base.tiktoken', import.meta.url);

// The module fetches itself from a file: URL, which Node's fetch refuses.
function fetchFiles() {
    const fetchOverHttp = globalThis.fetch;
    globalThis.fetch = async (what, ...rest) => {
        const url = String(what.url ?? what);
        if (!url.startsWith('file:')) return fetchOverHttp(what, ...rest);
        return new Response(fs.readFileSync(fileURLToPath(url)), { headers: { 'Content-Type': 'application/wasm' } });
    };
    return () => { globalThis.fetch = fetchOverHttp; };
}

// The ranks come from scripts/fetch-o200k.sh; the library wants them by HTTP.
export async function loadHarmonyLibrary() {
    const restore = fetchFiles();
    const host = http.createServer((_, response) => response.end(fs.readFileSync(ranks)));
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    try {
        const library = await import('openai-harmony');
        const encoding = await library.load_harmony_encoding('HarmonyGptOss', `http://127.0.0.1:${host.address().port}/`);
        return { encoding, Parser: library.JsStreamableParser };
    } finally {
        restore();
        host.close();
        host.closeAllConnections();
    }
}
