// A device that fails while it computes: its requests are told, the node says so and makes everything anew; a device
// that stays broken takes the node out until it works again.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary, events, startNode, waitFor } from './support/node.mjs';

const program = path.join(path.dirname(binary), 'tests/node/fragile_node');
const question = { messages: [{ role: 'user', content: 'Write a short poem about computers.' }], max_tokens: 60, temperature: 0 };

async function startFragile(t) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-fragile-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const state = path.join(folder, 'state');
    const tell = (word) => {   // whole or not at all: the device reads it at every step
        fs.writeFileSync(`${state}.next`, word);
        fs.renameSync(`${state}.next`, state);
    };
    tell('works');
    const node = await startNode([], { FRAGILE_STATE: state, API_PORT: '0', GPTOSS_THREADS: '1' }, program);
    const ready = async () => (await fetch(`${node.origin}/ready`)).status;
    return { node, tell, ready };
}

test('a failed step is told to its requests, and the model is loaded again', { skip: !fs.existsSync(program) }, async (t) => {
    const { node, tell, ready } = await startFragile(t);
    const before = await (await node.post('/v1/chat/completions', question)).json();

    const stream = await node.post('/v1/chat/completions', { ...question, stream: true, max_tokens: 2000, messages: [{ role: 'user', content: 'Count to 500' }] });
    const waiting = Array.from({ length: 3 }, () => node.post('/v1/chat/completions', question));
    tell('fails');
    const failed = await node.post('/v1/chat/completions', question);
    tell('works');
    assert.ok([500, 503].includes(failed.status), `status ${failed.status}`);
    assert.match((await failed.json()).error.message, /the device is gone/);
    const sent = await events(stream);
    assert.ok(sent.at(-1) === '[DONE]' || sent.some((event) => event.error), 'the stream says how it ended');
    for (const reply of await Promise.all(waiting)) {
        const answer = await reply.json();
        assert.ok(reply.status === 200 ? answer.choices[0].finish_reason : answer.error.message, 'every request ends once, in words');
    }

    await waitFor(async () => await ready() === 200);
    assert.match(node.log(), /the engine failed \(.*the device is gone.*\): the model is loaded again/);
    const after = await (await node.post('/v1/chat/completions', question)).json();
    assert.deepEqual(after.choices, before.choices, 'it answers as before');
    await waitFor(async () => await node.metric('gptoss_kv_blocks_used') === 0);
    assert.equal(await node.stop(), 0);
});

test('a device that stays broken: not ready, refused in words, tried once a minute and no more', { skip: !fs.existsSync(program) }, async (t) => {
    const { node, tell, ready } = await startFragile(t);
    tell('fails');
    assert.notEqual((await node.post('/v1/chat/completions', question)).status, 200);
    tell('broken');
    await waitFor(() => /the model is loaded again/.test(node.log()));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.equal(await ready(), 503);
    const refused = await node.post('/v1/chat/completions', question);
    assert.equal(refused.status, 503);
    assert.match((await refused.json()).error.message, /device is gone/);
    assert.equal(node.log().match(/the model is loaded again/g).length, 1, 'it does not try again and again');
    assert.equal((await fetch(`${node.origin}/health`)).status, 200, 'a restart would not help: it lives');
    const status = await (await fetch(`${node.url}/status`)).json();
    assert.equal(status.status, 'failed');
    assert.match(status.failure, /device is gone/);

    tell('works');
    node.child.kill('SIGHUP');
    await waitFor(async () => await ready() === 200);
    assert.equal((await node.post('/v1/chat/completions', question)).status, 200);
    assert.equal(await node.stop(), 0);
});
