// Stored responses outlive a node that is killed: what was complete is as it was, what was being made has failed.
import test from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startNode } from './support/node.mjs';

test('50 responses, stored and in the background, and kill -9', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kept-'));
    const file = path.join(folder, 'responses.sqlite');
    const env = { GPTOSS_RESPONSES_PATH: file };
    let node = await startNode([], env);
    const create = async (body) => (await node.post('/v1/responses', { model: 'demo', temperature: 0, ...body })).json();
    const stored = await Promise.all(Array.from({ length: 25 }, (_, i) => create({ input: `What is ${i}+2?`, include: ['reasoning.encrypted_content'] })));
    for (const response of stored) assert.equal(response.status, 'completed', JSON.stringify(response).slice(0, 300));
    const running = await Promise.all(Array.from({ length: 25 }, () => create({ input: 'Count to 99', background: true, max_output_tokens: 4000 })));
    node.child.kill('SIGKILL');
    await once(node.child, 'exit');

    for (const name of ['responses.sqlite', 'responses.sqlite.keys']) assert.equal(fs.statSync(path.join(folder, name)).mode & 0o777, 0o600, name);
    node = await startNode([], env);
    const get = async (id) => (await fetch(`${node.url}/responses/${id}`)).json();
    for (const response of stored) assert.deepEqual(await get(response.id), response);
    const now = await Promise.all(running.map((response) => get(response.id)));
    for (const response of now) assert.ok(['failed', 'completed', 'incomplete'].includes(response.status), response.status);
    assert.ok(now.some((response) => response.status === 'failed' && response.error.code === 'server_error'));
    // The conversation goes on, and what was sealed before still opens.
    const next = await create({ input: 'What is 3+3?', previous_response_id: stored[0].id });
    assert.equal(next.status, 'completed');
    const items = await (await fetch(`${node.url}/responses/${next.id}/input_items`)).json();
    assert.equal(items.data.length, 1);
    await node.stop();
    fs.rmSync(folder, { recursive: true });
});
