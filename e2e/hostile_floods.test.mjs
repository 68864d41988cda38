// Floods that no single request is: messages over many WebSockets, and what a client may store without an answer being made.
// Others are answered meanwhile, keep what they stored, and the disk's budget holds (docs/security.md).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { attacks } from './support/attacks.mjs';
import { startNode, waitFor } from './support/node.mjs';
import { resident_mb } from './support/process_cost.mjs';

const attacker = { authorization: 'Bearer attacker-0123456789' }, honest = { authorization: 'Bearer honest-0123456789ab' };
const limit_mb = 1;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'floods-'));
const store = path.join(folder, 'responses.sqlite');
let node;
before(async () => {
    fs.writeFileSync(path.join(folder, 'keys'), 'attacker attacker-0123456789\nhonest honest-0123456789ab\n');
    node = await startNode(['--context', '8192', '--max-sequences', '4', '--threads', '1', '--api-keys-file', path.join(folder, 'keys'),
        '--responses-path', store, '--responses-limit-mb', String(limit_mb)]);
});
after(async () => {
    assert.equal(await node?.stop(), 0);
    fs.rmSync(folder, { recursive: true });
});

const post = async (route, body, headers) => {
    const reply = await node.post(route, body, { headers });
    assert.equal(reply.status, 200, await reply.clone().text());
    return reply.json();
};
const get = async (route, headers) => fetch(`${node.origin}${route}`, { headers });

test('conversations that nobody answers fill no disk, and push out nothing of others', async () => {
    const kept = await post('/v1/conversations', { items: [{ role: 'user', content: 'The word is cobalt.' }] }, honest);
    const large = 'x'.repeat(limit_mb * 900_000);
    for (let each = 0; each < 6; each += 1) await post('/v1/conversations', { items: [{ role: 'user', content: large }] }, attacker);
    assert.ok(fs.statSync(store).size < 3 * limit_mb * 2 ** 20, `${fs.statSync(store).size} bytes`);
    assert.match(await (await get(`/v1/conversations/${kept.id}/items`, honest)).text(), /The word is cobalt/);
});

test('others are answered while messages flood in over WebSockets', async (t) => {
    const format = (name) => JSON.parse(attacks[name]()[1]).response_format.json_schema;
    const messages = ['stacked stars', 'a long optional pattern', 'a pattern with many deterministic states', 'ambiguous anyOf'].map((name) =>
        JSON.stringify({ type: 'response.create', input: 'hi', store: false, max_output_tokens: 8, text: { format: { type: 'json_schema', ...format(name) } } }));
    const before_mb = resident_mb(node.child.pid);
    const sockets = Array.from({ length: 4 }, () => new WebSocket(`${node.url.replace('http', 'ws')}/responses`, { headers: attacker }));
    let replies = 0;
    await Promise.all(sockets.map((socket) => once(socket, 'open')));
    for (const socket of sockets) {
        socket.on('message', () => { replies += 1; });
        socket.on('error', () => {});
        for (let each = 0; each < 40; each += 1) socket.send(messages[each % messages.length]);
    }
    assert.equal((await get('/health', {})).status, 200);
    await post('/v1/chat/completions', { messages: [{ role: 'user', content: 'What is 2+2?' }], max_tokens: 8 }, honest);
    await waitFor(() => replies > 0);
    const during_mb = resident_mb(node.child.pid) - before_mb;
    for (const socket of sockets) socket.terminate();
    t.diagnostic(`${replies} replies meanwhile, ${during_mb.toFixed(0)} MB more`);
    assert.ok(during_mb < 400, `${during_mb} MB`);
    await waitFor(async () => await node.metric('gptoss_sequences_running') + await node.metric('gptoss_sequences_waiting') === 0);
});
