// The console's files with the node's headers, and an API that says whatever a test scripts: for output that no model
// can be made to write, and for streams of an exact speed.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import './end_of_file.mjs';

const dist = new URL('../../web/dist', import.meta.url).pathname;
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
// As src/http/static_files.cpp sends them: the node's own source is read, so that the two cannot differ.
const source = fs.readFileSync(new URL('../../src/http/static_files.cpp', import.meta.url), 'utf8');
const policyCalled = (name) => [...source.split(`${name} =`)[1].split(';\n')[0].matchAll(/"([^"]*)"/g)].map(([, text]) => text).join('');
const policy = policyCalled('kPolicy');
const framePolicy = policyCalled('kFramePolicy');

const status = {
    status: 'ready', model: 'stand-in', context_length: 131072, device: 'none', version: '0', placement: '', max_sequences: 16,
    engine: { running: 0, waiting: 0, kv_blocks_used: 0, kv_blocks_cached: 0, kv_blocks_total: 100, prompt_tokens: 0, cached_tokens: 0,
        generated_tokens: 0, preemptions: 0, prompt_tokens_per_second: 0, generated_tokens_per_second: 0 },
};

// What a test tells in `delta` ({ content, reasoning }), as events of a response.
let number = 0;
const event = (type, rest) => `event: response.${type}\ndata: ${JSON.stringify({ type: `response.${type}`, sequence_number: number += 1, ...rest })}\n\n`;
export const piece = ({ content, reasoning }) =>
    (reasoning ? event('reasoning_text.delta', { delta: reasoning }) : '') + (content ? event('output_text.delta', { delta: content }) : '');
// An answer that calls a tool.
export const endWithCall = (name, given) => event('completed', { response: { status: 'completed', error: null, incomplete_details: null, usage: null,
    output: [{ type: 'function_call', call_id: `call_${number}`, name, arguments: typeof given === 'string' ? given : JSON.stringify(given) }] } });
export const end = () => event('completed', { response: { status: 'completed', output: [], error: null, incomplete_details: null, usage: null } });

// `answer(question, response)` writes the event stream's body. `answerOther(request, response)` may answer anything first, and says so with true.
export async function startStandIn(answer, answerOther = () => false, port = 0) {
    const asked = new Map();   // by the response's id: its question
    const server = http.createServer(async (request, response) => {
        if (await answerOther(request, response)) return;
        const { pathname } = new URL(request.url, 'http://stand-in');
        if (pathname === '/v1/status') return response.setHeader('content-type', 'application/json').end(JSON.stringify(status));
        if (pathname === '/metrics') return response.end('');
        if (pathname.startsWith('/v1/responses')) return answerResponse(request, response, pathname.split('/')[3]);
        const file = path.join(dist, pathname === '/' ? 'index.html' : pathname);
        if (!file.startsWith(dist) || !fs.existsSync(file)) { response.statusCode = 404; return response.end(); }
        response.setHeader('content-type', types[path.extname(file)] ?? 'application/octet-stream').setHeader('content-security-policy', /^\/assets\/.*\.html$/.test(pathname) ? framePolicy : policy);
        response.end(fs.readFileSync(file));
    });
    async function answerResponse(request, response, id) {
        if (request.method === 'GET') {
            response.setHeader('content-type', 'text/event-stream');
            return answer(asked.get(id), response);
        }
        response.setHeader('content-type', 'application/json');
        if (request.method === 'DELETE') return response.end('{}');
        let body = '';
        for await (const chunk of request) body += chunk;
        const made = `resp_${asked.size}`;
        const last = JSON.parse(body).input.at(-1);
        asked.set(made, last.content ?? last.output);   // a question, or a tool's result
        return response.end(JSON.stringify({ id: made, status: 'in_progress' }));
    }
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    return { origin: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}
