// What operators rely on: cancellation, draining, fairness, refusals, settings.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { events, startNode, waitFor } from './support/node.mjs';

const question = (content, more = {}) => ({ messages: [{ role: 'user', content }], ...more });
const chat = '/v1/chat/completions';
const poem = question('Write a short poem about computers.', { stream: true });
const binary = process.env.GPT_OSS_NODE ?? new URL('../build/release/gpt-oss-node', import.meta.url).pathname;

test('a client that goes away stops its generation, streaming or waiting', async () => {
    const node = await startNode();
    for (const body of [{ ...poem, n: 8 }, { ...poem, n: 8, stream: false }]) {
        const cancelled = await node.metric('gptoss_generations_total{reason="cancelled"}');
        const controller = new AbortController();
        const request = node.post(chat, body, { signal: controller.signal }).then((reply) => reply.text()).catch(() => 'gone');
        await waitFor(async () => await node.metric('gptoss_sequences_running') > 0);
        controller.abort();
        assert.equal(await request, 'gone');
        await waitFor(async () => await node.metric('gptoss_sequences_running') === 0);
        assert.ok(await node.metric('gptoss_generations_total{reason="cancelled"}') > cancelled);
    }
    assert.equal(await node.stop(), 0);
});

test('SIGTERM lets streams finish and then exits with 0', async () => {
    const node = await startNode();
    const replies = await Promise.all(Array.from({ length: 4 }, () => node.post(chat, poem)));
    const bodies = replies.map((reply) => events(reply));
    node.child.kill('SIGTERM');
    for (const body of bodies) {
        const list = await body;
        assert.equal(list.at(-1), '[DONE]');
        const finishes = list.flatMap((event) => event.choices ?? []).filter((choice) => choice.finish_reason);
        assert.deepEqual(finishes.map((choice) => choice.finish_reason), ['stop']);
    }
    assert.equal(await node.exited(), 0);
});

test('a stream that outlives the grace time is told so', async () => {
    const node = await startNode(['--shutdown-grace-s', '0']);
    const reply = await node.post(chat, { ...poem, n: 32, temperature: 2 });
    node.child.kill('SIGTERM');
    const list = await events(reply);
    assert.equal(list.at(-1), '[DONE]');
    assert.ok(list.flatMap((event) => event.choices ?? []).some((choice) => choice.finish_reason === 'cancelled'));
    assert.equal(await node.exited(), 1);
});

test('one client with many requests does not keep another waiting', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-'));
    const keys = path.join(folder, 'keys');
    fs.writeFileSync(keys, 'greedy greedy-0123456789abcdef\nmodest modest-0123456789abcdef\n');
    const node = await startNode(['--max-sequences', '2', '--api-keys-file', keys]);
    const as = (name) => ({ authorization: `Bearer ${name}-0123456789abcdef` });
    let over = 0;
    const greedy = Array.from({ length: 40 }, () => node.post(chat, { ...poem, stream: false }, { headers: as('greedy') })
        .then((reply) => reply.json()).then(() => { over += 1; }));
    await waitFor(() => over >= 1);
    const reply = await (await node.post(chat, question('What is 2+2?', { temperature: 0 }), { headers: as('modest') })).json();
    assert.match(reply.choices[0].message.content, /4/);
    assert.ok(over < 30, `${over} of the other client's 40 requests came first`);
    await Promise.all(greedy);
    assert.equal(over, 40);
    await node.stop();
    fs.rmSync(folder, { recursive: true });
});

test('refusals name the field or both counts', async () => {
    const node = await startNode(['--context', '1024']);
    const refusal = async (body) => {
        const reply = await node.post(chat, body);
        return { status: reply.status, error: (await reply.json()).error };
    };
    for (const [body, param] of [['{', null], [question('x', { stop: 3 }), 'stop'], [{ messages: 'x' }, 'messages'],
        [question([{ type: 'image_url' }]), 'messages[0].content[0].type'], [question('x', { tools: [{ type: 'function' }] }), 'tools[0].function']]) {
        const { status, error } = await refusal(body);
        assert.equal(status, 400);
        assert.equal(error.param, param);
        assert.equal(error.type, 'invalid_request_error');
    }
    const { status, error } = await refusal(question('word '.repeat(3000)));
    assert.equal(status, 400);
    assert.equal(error.code, 'context_length_exceeded');
    assert.equal(error.context_length, 1024);
    assert.ok(error.prompt_tokens > 1024);
    await node.stop();
});

test('the marketplace route answers and streams', async () => {
    const node = await startNode();
    const body = { model: 'demo', prompt: 'What is 2+2?', max_tokens: 300, temperature: 0, chainId: 84532, sessionId: '1' };
    const whole = await (await node.post('/v1/inference', body)).json();
    assert.match(whole.content, /4/);
    assert.equal(whole.finish_reason, 'stop');
    assert.equal(whole.chain_name, 'Base Sepolia');
    const frames = await events(await node.post('/v1/inference', { ...body, stream: true }));
    assert.equal(frames.filter((frame) => frame !== '[DONE]').map((frame) => frame.content).join(''), whole.content);
    assert.equal(frames.at(-2).finish_reason, 'complete');
    await node.stop();
});

test('answers /health before the model is loaded and keeps keys and other networks out', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-'));
    const keys = path.join(folder, 'keys');
    fs.writeFileSync(keys, 'tester 0123456789abcdef0123\n');
    const node = await startNode(['--api-keys-file', keys]);
    assert.equal((await node.post(chat, question('x'))).status, 401);
    const headers = { authorization: 'Bearer 0123456789abcdef0123' };
    assert.equal((await node.post(chat, question('What is 2+2?'), { headers })).status, 200);
    const health = await (await fetch(`${node.origin}/health`)).json();
    assert.equal(health.status, 'ok');
    assert.match(node.origin, /127\.0\.0\.1/);
    assert.doesNotMatch(node.log(), /2\+2|0123456789abcdef0123/);
    await node.stop();
    fs.rmSync(folder, { recursive: true });
});

test('the log names addresses that can be opened, the console\'s last', async () => {
    for (const [host, listening, console_] of [['::', '[::]', '[::1]'], ['0.0.0.0', '0.0.0.0', '127.0.0.1'], ['127.0.0.1', '127.0.0.1', '127.0.0.1']]) {
        const node = await startNode(['--host', host, '--context', '1024']);
        const port = new URL(node.origin).port;
        await waitFor(() => /console: http/.test(node.log()));
        assert.ok(node.log().includes(`listening on http://${listening}:${port}\n`), node.log());
        // The weights' parts are hashed again in the background, and told when that is done.
        const last = node.log().trimEnd().split('\n').filter((line) => !/hashed again/.test(line)).at(-1);
        assert.ok(last.endsWith(`console: http://${console_}:${port}/`), last);
        for (const address of [`http://${listening}:${port}/`, `http://${console_}:${port}/`]) assert.equal((await fetch(address)).status, 200, address);
        await node.stop();
    }
});

test('--check-config tells what is in effect, hides secrets, refuses what is wrong', async () => {
    const check = (args, env = {}) => new Promise((resolve) => {
        execFile(binary, ['serve', '--check-config', ...args], { cwd: '/', env: { PATH: process.env.PATH, ...env } },
            (problem, stdout, stderr) => resolve({ code: problem?.code ?? 0, stdout, stderr }));
    });
    const key = `0x${'ab'.repeat(32)}`;
    const good = await check(['--port', '9000'], { HOST_PRIVATE_KEY: key, API_PORT: '7000', LLAMA_BATCH_SIZE: '512' });
    assert.equal(good.code, 0);
    assert.match(good.stdout, /API_PORT\s+9000\s+\(flag\)/);
    assert.match(good.stdout, /LLAMA_BATCH_SIZE\s+512\s+\(environment\)/);
    assert.ok(!good.stdout.includes(key));
    for (const [args, env, complaint] of [[[], { GPTOSS_NO_SUCH: '1' }, /GPTOSS_NO_SUCH/], [[], { API_PORT: 'many' }, /API_PORT/],
        [[], { HOST_PRIVATE_KEY: 'secret-but-wrong' }, /HOST_PRIVATE_KEY/], [['--model', '/nowhere.gguf'], {}, /nowhere/],
        [[], { MODEL_CHAT_TEMPLATE: 'chatml' }, /MODEL_CHAT_TEMPLATE/]]) {
        const bad = await check(args, env);
        assert.equal(bad.code, 1);
        assert.match(bad.stderr, complaint);
        assert.ok(!bad.stderr.includes('secret-but-wrong'));
    }
    assert.notEqual((await check(['--no-such-flag'])).code, 0);
});
