// `bench serve` loads a served node; what it counts is what the node counts.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary, startNode } from './support/node.mjs';

const load = (url, ...args) => new Promise((resolve) => {
    execFile(binary, ['bench', 'serve', '--url', url, '--quiet', ...args], { cwd: '/', env: { PATH: process.env.PATH } },
        (problem, stdout, stderr) => resolve({ code: problem?.code ?? 0, stdout, stderr }));
});
const figures = async (url, ...args) => {
    const { code, stdout, stderr } = await load(url, '--json', ...args);
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout);
};

test('clients, arrivals and a trace', async () => {
    const node = await startNode(['--context', '2048', '--max-sequences', '4', '--scheduling', 'latency']);
    const closed = await figures(node.url, '--clients', '3', '--duration', '2', '--settle', '0', '--words', '40', '--max-tokens', '8',
        '--goal-first-token', '60000', '--goal-between-tokens', '60000');
    assert.ok(closed.replies >= 3 && closed.failed === 0, JSON.stringify(closed));
    assert.ok(closed.tokens_per_second > 0 && closed.first_token_ms.p50 > 0 && closed.between_tokens_ms.p99 > 0);
    assert.equal(closed.goodput.replies, closed.replies, 'a minute to the first token is plenty here');

    const once = await figures(node.url, '--clients', '5', '--once', '--words', '20', '--max-tokens', '6');
    assert.ok(once.replies === 5 && once.from_s === 0 && once.to_s > 0);
    assert.ok(Math.abs(once.tokens_per_second / once.whole_run_tokens_per_second - 1) < 0.05, 'the whole run is what counts');

    // The demo model's vocabulary is smaller than that of random tokens.
    const tokens = await load(node.url, '--clients', '1', '--duration', '1', '--random-tokens', '300');
    assert.match(tokens.stdout, /first problem +HTTP 400: .*not a token id below/s);

    const generated = await node.metric('gptoss_generated_tokens_total');
    const arrivals = await figures(node.url, '--rate', '5', '--duration', '2', '--settle', '0', '--words', '20', '--max-tokens', '5');
    const seconds = arrivals.to_s - arrivals.from_s;
    assert.ok(arrivals.replies > 2);
    const more = await node.metric('gptoss_generated_tokens_total') - generated;
    assert.ok(Math.abs(arrivals.whole_run_tokens_per_second * seconds - more) < 0.6 * more, 'as the node counts, but for the last replies');

    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-')), 'trace.jsonl');
    const line = (timestamp, hash_ids) => JSON.stringify({ timestamp, input_length: 600, output_length: 4, hash_ids });
    fs.writeFileSync(file, [line(0, [1, 2]), line(4000, [1, 3]), line(6000, [1, 4])].join('\n'));
    const trace = await figures(node.url, '--trace', file, '--trace-speed', '10', '--settle', '0', '--duration', '1');
    assert.ok(trace.cached_share > 0.2, `equal hash ids are equal texts: ${JSON.stringify(trace)}`);

    const status = await (await fetch(`${node.origin}/v1/status`)).json();
    assert.equal(status.scheduling, 'latency');
    assert.ok(status.engine.prompt_rows > 0 && status.card.memory.cache_tokens > 0);
    assert.ok(await node.metric('gptoss_prompt_rows_total') > 0);
    assert.equal(await node.metric('gptoss_queue_oldest_wait_seconds'), 0);
    fs.rmSync(path.dirname(file), { recursive: true });
    await node.stop();
});

test('says what was wrong', async () => {
    const { code, stdout } = await load('http://127.0.0.1:1', '--clients', '2', '--duration', '1');
    assert.equal(code, 1);
    assert.match(stdout, /first problem +\S/);
    for (const [args, message] of [[[], /--clients, --rate and --trace/], [['--clients', '1', '--rate', '2'], /one of/],
        [['--clients', '1', '--body', '7'], /--body/], [['--trace', '/nowhere'], /cannot be read/]]) {
        const refused = await load('http://127.0.0.1:1', ...args);
        assert.notEqual(refused.code, 0);
        assert.match(refused.stderr, message);
    }
});
