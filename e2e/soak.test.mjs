// Mixed load with faults for SOAK_SECONDS (30; ten minutes in ./test long): every request ends once, nothing stays behind, memory is flat.
// The hour: SOAK_SECONDS=3600 node run.mjs soak.test.mjs; under ASan: GPT_OSS_NODE=$PWD/../build/asan/gpt-oss-node.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { startNode, waitFor } from './support/node.mjs';
import { mixedLoad } from './soak/mixed_load.mjs';

const seconds = Number(process.env.SOAK_SECONDS ?? 30);
const growthLimit_mb = 24;   // of the allocator's arenas; a leak of one request's tokens would be far more in this time

// What the node holds, without the pages of the model's files, which come and go as the kernel likes.
function heldMemory_mb(pid) {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(status.match(/RssAnon:\s+(\d+) kB/)[1]) / 1024;
}

test(`${seconds} s of mixed load with faults`, async (t) => {
    const node = await startNode(['--device', 'cpu', '--threads', '1', '--context', '4096', '--cache-tokens', '8192', '--max-sequences', '6', '--queue-limit', '64']);
    const quarters = [];
    const counts = {};
    const problems = [];
    for (let quarter = 0; quarter < 4; quarter += 1) {
        const part = await mixedLoad(node.origin, seconds / 4);
        for (const [kind, count] of Object.entries(part.counts)) counts[kind] = (counts[kind] ?? 0) + count;
        problems.push(...part.problems);
        await waitFor(async () => await node.metric('gptoss_sequences_running') === 0 && await node.metric('gptoss_sequences_waiting') === 0);
        quarters.push(heldMemory_mb(node.child.pid));
    }
    t.diagnostic(`${Object.values(counts).reduce((sum, count) => sum + count, 0)} requests: ${JSON.stringify(counts)}; memory after each quarter: `
        + `${quarters.map((mb) => mb.toFixed(0)).join(', ')} MB`);
    assert.deepEqual(problems, []);
    assert.ok(Object.keys(counts).length >= 10, 'all kinds of requests were sent');
    assert.equal(await node.metric('gptoss_kv_blocks_used'), 0, 'no block belongs to a sequence any more');
    assert.equal(await node.metric('gptoss_generations_total{reason="error"}'), 0);
    assert.ok(await node.metric('gptoss_generations_total{reason="cancelled"}') > 0);
    // The first half fills caches and arenas.
    assert.ok(quarters[3] - quarters[1] < growthLimit_mb, `memory grew: ${quarters}`);
    assert.equal(await node.stop(), 0);
});
