// OpenAI's JavaScript SDK in a page of another origin, in a real browser; and pages that may not call the node.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startBrowser } from './support/browser.mjs';
import { startNode, waitFor } from './support/node.mjs';

// The SDK's own modules, as npm installed them: a page can import them as they are.
const package_ = path.dirname(createRequire(import.meta.url).resolve('openai'));
const types = { '.mjs': 'text/javascript', '.js': 'text/javascript', '.html': 'text/html' };

function servePages() {
    const server = http.createServer((request, reply) => {
        const { pathname } = new URL(request.url, 'http://x');
        if (pathname === '/') return reply.setHeader('content-type', 'text/html').end('<!doctype html><title>app</title>');
        const file = path.join(package_, pathname.replace(/^\/openai\//, ''));
        if (!file.startsWith(package_) || !fs.existsSync(file)) return reply.writeHead(404).end();
        return reply.setHeader('content-type', types[path.extname(file)] ?? 'text/plain').end(fs.readFileSync(file));
    });
    return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

let browser, pages, app, node;
before(async () => {
    browser = await startBrowser();
    pages = await servePages();
    app = `http://localhost:${pages.address().port}`;
    node = await startNode(['--cors-origin', app, '--context', '4096', '--admin-port', '0']);
});
after(async () => { await browser?.close(); await node?.stop(); pages?.close(); });

async function inPage(origin, work, ...given) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(origin);
    try { return await page.evaluate(work, given); } finally { await page.close(); }
}

test('OpenAI\'s SDK asks, streams and reads the request id', { timeout: 120_000 }, async () => {
    const said = await inPage(app, async ([url]) => {
        const { default: OpenAI } = await import('/openai/index.mjs');
        const client = new OpenAI({ baseURL: url, apiKey: 'none', dangerouslyAllowBrowser: true, maxRetries: 0 });
        const request = { model: 'demo', messages: [{ role: 'user', content: 'What is 2+2?' }], max_tokens: 200, temperature: 0 };
        const whole = await client.chat.completions.create(request);
        let streamed = '';
        for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) streamed += chunk.choices[0]?.delta?.content ?? '';
        return { whole: whole.choices[0].message.content, id: whole._request_id, streamed };
    }, node.url);
    assert.match(said.whole, /4/);
    assert.equal(said.streamed, said.whole);
    assert.match(said.id, /^req-/);
});

test('a page of an origin that is not named gets nowhere, nor does a name that was made to point here', { timeout: 120_000 }, async () => {
    const admin = await waitFor(() => node.log().match(/operators: (http:\S+?)\/admin\/status\s/)?.[1]);
    const before_ = await node.metric('gptoss_generations_total{reason="stop"}');
    const foreign = `http://127.0.0.1:${pages.address().port}`;
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 4 });
    const attempts = await inPage(foreign, async ([origin, operators, text]) => {
        const attempt = (url, init) => fetch(url, init).then((reply) => reply.type + reply.status, () => 'refused');
        return Promise.all([
            attempt(`${origin}/v1/chat/completions`, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } }),
            attempt(`${origin}/v1/chat/completions`, { method: 'POST', body: text, mode: 'no-cors' }),
            attempt(`${origin}/v1/status`),
            attempt(`${operators}/admin/reload`, { method: 'POST', mode: 'no-cors' }),
            attempt(`${operators}/admin/requests/x`, { method: 'DELETE' }),
        ]);
    }, node.origin, admin, body);
    // What a page may not read it may still have sent: "opaque" tells nothing, so the node is asked what it did.
    assert.deepEqual(attempts.map((each) => each.replace(/\d+$/, '')), ['refused', 'opaque', 'refused', 'opaque', 'refused']);
    assert.equal(await node.metric('gptoss_generations_total{reason="stop"}'), before_);
    assert.equal(await node.metric('gptoss_generations_total{reason="length"}'), 0);
    assert.doesNotMatch(node.log(), /settings read again/);
    // DNS rebinding: a page from a name that now leads to the node asks "its own" origin.
    const rebound = node.origin.replace('127.0.0.1', 'node.test');
    const page = await (await browser.newContext()).newPage();
    assert.equal((await page.goto(`${rebound}/v1/status`)).status(), 403);
    await page.close();
});
