// What the node does for its console beside the API: the last day, MCP servers, a fleet, the download of a model.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startMcpServer } from './support/mcp_server.mjs';
import { startModelHost } from './support/model_host.mjs';
import { startNode, waitFor } from './support/node.mjs';

const small = ['--cache-tokens', '16384', '--context', '4096'];
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'console-parts-'));
after(() => fs.rmSync(temporary, { recursive: true }));
const write = (name, text) => { const file = path.join(temporary, name); fs.writeFileSync(file, text); return file; };

describe('MCP servers', { concurrency: false }, () => {
    let server, node;
    before(async () => {
        server = await startMcpServer('secret-of-the-shop');
        const header = 'Authorization: Bearer secret-of-the-shop';
        const file = write('mcp', `shop ${server.origin}/mcp ${header}\nwrong ${server.origin}/mcp Authorization: Bearer no\n`
            + `elsewhere ${server.origin}/elsewhere ${header}\npage ${server.origin}/page\ngone http://127.0.0.1:9/mcp\nhang ${server.origin}/hang\n`);
        node = await startNode([...small, '--mcp-servers-file', file, '--shutdown-grace-s', '1']);
    });
    after(async () => { await node?.stop(); await server?.close(); });
    const call = (name, body, headers = {}) => node.post(`/v1/mcp/${name}`, body, { headers });
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } } };

    test('the official client works through the node, with a session', async () => {
        const client = new Client({ name: 'test', version: '1' });
        await client.connect(new StreamableHTTPClientTransport(new URL(`${node.origin}/v1/mcp/shop`)));
        const { tools } = await client.listTools();
        assert.deepEqual(tools.map(({ name }) => name), ['get_weather', 'slow', 'huge', 'broken']);
        assert.equal((await client.callTool({ name: 'get_weather', arguments: { city: 'Rome' } })).content[0].text, '{"city":"Rome","weather":"sunny"}');
        assert.equal((await client.callTool({ name: 'slow', arguments: {} })).content[0].text, 'at last');
        assert.equal((await client.callTool({ name: 'broken', arguments: {} })).isError, true);
        await assert.rejects(client.callTool({ name: 'huge', arguments: {} }), /larger than 4194304 bytes/);
        assert.deepEqual(server.calls, ['Rome']);
        await client.close();
    });

    test('names are told, addresses and keys are not', async () => {
        const text = await (await fetch(`${node.origin}/v1/mcp`)).text();
        assert.deepEqual(JSON.parse(text).servers.map(({ name }) => name), ['shop', 'wrong', 'elsewhere', 'page', 'gone', 'hang']);
        assert.doesNotMatch(text + node.log(), /secret-of-the-shop|127\.0\.0\.1:9\b/);
    });

    test('only listed servers are called, and a redirect is not followed', async () => {
        assert.equal((await call('other', initialize)).status, 404);
        assert.equal((await call('shop%2F..%2Fwrong', initialize)).status, 404);
        const before = server.seen.length;
        const reply = await call('elsewhere', initialize);
        assert.equal(reply.status, 502);
        assert.match((await reply.json()).error.message, /sends elsewhere/);
        assert.equal(server.seen.length, before + 1);
    });

    test('troubles of a server are told as troubles of that server', async () => {
        for (const [name, words] of [['wrong', /answered 401/], ['page', /not MCP/], ['gone', /does not answer/]]) {
            const reply = await call(name, initialize);
            assert.equal(reply.status, 502, name);
            const text = await reply.text();
            assert.match(text, words);
            assert.doesNotMatch(text, /<h1>|<script>/);
        }
        assert.equal((await call('shop', 'x'.repeat((1 << 20) + 1))).status, 400);
        const lost = await call('shop', { jsonrpc: '2.0', id: 2, method: 'tools/list' }, { 'Mcp-Session-Id': 'none' });
        assert.ok([400, 404].includes(lost.status), String(lost.status));
    });

    test('another site\'s page cannot call', async () => {
        assert.equal((await call('shop', initialize, { Origin: 'https://evil.example' })).status, 403);
    });

    test('a node that stops does not wait for a server', async () => {
        const waiting = call('hang', initialize).catch(() => 'cut off');
        await waitFor(() => server.seen.some(({ url }) => url === '/hang'));
        const begun = performance.now();
        await node.stop();
        assert.ok(performance.now() - begun < 8000);
        await waiting;
    });
});

test('a broken list of servers is found at start, with its line', async () => {
    await assert.rejects(startNode([...small, '--mcp-servers-file', write('broken', 'shop ftp://x\n')]), /line 1: the URL must begin with http/);
});

test('the last day is kept by the node', async () => {
    const node = await startNode(small);
    for (let i = 0; i < 3; i += 1) await fetch(`${node.origin}/v1/models/none`);
    await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'Count backwards from 10' }], max_tokens: 50 });
    const history = await waitFor(async () => {
        const json = await (await fetch(`${node.origin}/v1/history?seconds=60&points=10`)).json();
        return json.generation.some((value) => value > 0) && json;
    });
    assert.ok(Math.abs(history.time.at(-1) - Date.now() / 1000) < 60);
    assert.equal(history.prompt.length, history.time.length);
    const errors = history.errors.find(({ status }) => status === 404);
    assert.deepEqual([errors.route, errors.count], ['/v1/models/*', 3]);
    assert.equal((await fetch(`${node.origin}/v1/history?seconds=100000`)).status, 400);
    await node.stop();
});

test('a node tells of the others of its fleet', async () => {
    const keys = write('keys', 'node sk-a-key-nobody-guesses\n');
    const other = await startNode([...small, '--api-keys-file', keys, '--model-name', 'the-other']);
    const node = await startNode([...small, '--fleet-file', write('fleet', `north ${other.origin} Authorization: Bearer sk-a-key-nobody-guesses\nlocked ${other.origin}\ngone http://127.0.0.1:9\n`)]);
    const nodes = await waitFor(async () => {
        const json = await (await fetch(`${node.origin}/v1/fleet`)).json();
        return json.nodes[0].status && json.nodes;
    });
    assert.deepEqual(nodes.map(({ name }) => name), ['north', 'locked', 'gone']);
    assert.equal(nodes[0].status.model, 'the-other');
    assert.equal(nodes[1].problem, 'it answered 401');
    assert.match(nodes[2].problem, /connect/i);
    await other.stop();
    await waitFor(async () => (await (await fetch(`${node.origin}/v1/fleet`)).json()).nodes[0].problem);
    await node.stop();
});

// The demo model's parts under the names of the 120b's: a whole way from the button to the served model.
test('an operator downloads a model and serves it', async () => {
    const parts = [1, 2, 3].map((part) => `gpt-oss-120b-mxfp4-0000${part}-of-00003.gguf`);
    const demo = new URL('../models/demo/', import.meta.url).pathname;
    const files = Object.fromEntries(parts.map((name) => [name, fs.readFileSync(path.join(demo, name.replace('gpt-oss-120b-mxfp4', 'gpt-oss-demo')))]));
    const host = await startModelHost(files, ({ name, count }) => (name === parts[1] && count === 0 ? { cutAfter: 1000 } : {}));
    const node = await startNode([...small, '--admin-port', '0', '--download-folder', path.join(temporary, 'models')], { HF_ENDPOINT: host.url });
    const admin = await waitFor(() => node.log().match(/operators: (http:[^\s]+)\/admin/)?.[1]);
    const ask = async (method, where, body) => {
        const reply = await fetch(admin + where, { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
        return { status: reply.status, ...await reply.json() };
    };
    assert.equal((await fetch(`${node.origin}/admin/download`)).status, 404);
    assert.equal((await ask('GET', '/admin/download')).state, 'none');
    assert.equal((await ask('POST', '/admin/download', { model: 'gpt-oss-7b' })).status, 404);
    assert.equal((await ask('POST', '/admin/download/serve', {})).status, 400);
    assert.equal((await ask('POST', '/admin/download', { model: 'gpt-oss-120b' })).status, 202);
    const done = await waitFor(async () => { const found = await ask('GET', '/admin/download'); return found.state !== 'running' && found; });
    assert.equal(done.state, 'done', JSON.stringify(done));
    assert.equal(done.done_bytes, done.total_bytes);
    assert.equal(done.path, path.join(temporary, 'models/gpt-oss-120b-GGUF', parts[0]));
    assert.equal((await ask('POST', '/admin/download/serve', {})).status, 202);
    await waitFor(async () => (await (await fetch(`${node.origin}/v1/status`)).json()).model?.startsWith('gpt-oss-120b'));
    assert.equal((await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 20 })).status, 200);
    await node.stop();
    await host.close();
});
