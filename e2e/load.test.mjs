// A crowd in short; `node e2e/load.mjs` is the long one.
import test from 'node:test';
import assert from 'node:assert/strict';
import { killHalf, percentile, resident_mb, startClients, sums } from './load.mjs';
import { startNode, waitFor } from './support/node.mjs';

const body = { messages: [{ role: 'user', content: 'Write a short poem about computers.' }], max_tokens: 8, temperature: 1 };

test('200 streaming clients all get a whole answer, and memory stays flat', async () => {
    const node = await startNode();
    const round = () => sums(startClients({ origin: node.origin, clients: 200, processes: 4, body }));
    const warm = await round();
    const before_mb = resident_mb(node.child.pid);
    const second = await round();
    for (const part of [warm, second]) assert.deepEqual([part.complete, part.broken], [200, 0]);
    assert.ok(Number.isFinite(percentile(second.gaps_ms, 0.99)));
    const grown_mb = resident_mb(node.child.pid) - before_mb;
    assert.ok(grown_mb < 32, `the second 200 clients took ${grown_mb.toFixed(0)} MB more`);
    await node.stop();
});

test('kill -9 of half the clients ends their work at once', async () => {
    const node = await startNode();
    const started = startClients({ origin: node.origin, clients: 80, processes: 4, body: { ...body, max_tokens: 300 } });
    const { killed, steps, cancelled, survivors } = await killHalf(node, started);
    assert.equal(killed, 40);
    assert.ok(cancelled >= 40, `${cancelled} cancelled`);
    // One step for what was under way, and those that passed between two looks.
    assert.ok(steps < 30, `${steps} steps until the work was gone`);
    for (const { child } of survivors) child.kill('SIGKILL');
    await waitFor(async () => await node.metric('gptoss_sequences_running') === 0);
    assert.equal(await node.stop(), 0);
});
