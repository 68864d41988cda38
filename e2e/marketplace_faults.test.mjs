// A node that is killed, a chain that forgets, lags or lies, an S5 that is away: every token is proven once, nothing twice.
//   MARKETPLACE_LONG=1    kills at 20 points, five times each
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseEther } from 'viem';
import { startNode, waitFor } from './support/node.mjs';
import { ClientSession, exactly, publicKeyOf } from './support/market_client.mjs';
import { clientKey, hostKey, startBridge, startMarket, startProxy } from './support/local_market.mjs';

const long = process.env.MARKETPLACE_LONG === '1';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-faults-'));
let market;
let sessions = 0;

before(async () => { market = await startMarket(); });
after(async () => {
    await market?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const place = () => fs.mkdtempSync(path.join(folder, 'node-'));
const quiet = (node) => () => node.log().split('\n').filter((line) => !line.includes('route=')).slice(-30).join('\n');
const start = (ledger, more = {}) => startNode([], market.environment(ledger, { GPTOSS_SESSION_GRACE_S: '1', GPTOSS_CHAIN_POLL_MS: '50', ...more }));
async function open(node, job, more = {}) {
    sessions += 1;
    const session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: `faults-${sessions}`, ...more });
    const ack = await session.open();
    assert.equal(ack.type, 'session_init_ack', JSON.stringify(ack));
    return session;
}
const over = (job, node) => waitFor(async () => { const found = await market.jobOf(job); return found.status !== 0 && found; }, () => false, quiet(node));
const used = (job, tokens, node) => waitFor(async () => (await market.jobOf(job)).tokensUsed === BigInt(tokens), () => false, quiet(node));
async function provenOnce(job, tokens) {
    const proofs = await market.proofsOf(job);
    assert.equal(proofs.reduce((sum, each) => sum + each.tokensClaimed, 0n), BigInt(tokens));
    assert.equal(new Set(proofs.map((each) => each.proofHash)).size, proofs.length);
}

// The node is killed at the n-th question that it asks the chain after an answer, before or after the chain has it.
for (const point of long ? Array.from({ length: 20 }, (_, i) => i) : [5, 8])
    test(`killed at question ${point} of its claim, ${long ? 'five times' : 'once'}`, async () => {
        for (let round = 0; round < (long ? 5 : 1); round += 1) {
            const ledger = place();
            let node, asked = -1;
            const proxy = await startProxy(market.chain, async (question, next) => {
                if (asked >= 0) asked += 1;
                const reply = round % 2 === 0 || asked !== point + 1 ? await next() : undefined;
                if (asked === point + 1) node.child.kill('SIGKILL');
                return reply;
            });
            node = await start(ledger, { RPC_URL: proxy.url });
            const job = await market.makeJob();
            const session = await open(node, job);
            session.connection.send(session.message(exactly(150)));
            asked = 0;
            const { end } = await session.answer().catch(() => ({ end: {} }));
            await Promise.race([node.exited(), new Promise((resolve) => { setTimeout(resolve, 6000); })]);
            node.child.kill('SIGKILL');
            await node.exited();
            proxy.stop();
            const again = await start(ledger);
            const found = await over(job, again);
            if (end.tokens_used) assert.equal(found.tokensUsed, 150n, quiet(again)());
            assert.ok(found.tokensUsed <= 150n);
            await provenOnce(job, found.tokensUsed);
            await again.stop();
        }
    });

test('killed in the middle of an answer: what was counted is paid', async () => {
    const ledger = place();
    const node = await start(ledger);
    const job = await market.makeJob();
    const session = await open(node, job);
    session.connection.send(session.message(exactly(5000)));
    let last = 0;
    while (last < 300) last = (await session.connection.next()).tokens;
    node.child.kill('SIGKILL');
    await node.exited();
    const again = await start(ledger);
    const found = await over(job, again);
    assert.ok(found.tokensUsed >= BigInt(last), `${found.tokensUsed} for at least ${last}`);
    await provenOnce(job, found.tokensUsed);
    await again.stop();
});

test('a transaction that the chain forgets is sent again; an account without money waits for some', async () => {
    const ledger = place();
    let dropped = 0;
    const proxy = await startProxy(market.chain, async (question, next) => {
        if (question.method !== 'eth_sendRawTransaction' || dropped >= 3) return next();
        dropped += 1;
        return { jsonrpc: '2.0', id: question.id, result: `0x${'11'.repeat(32)}` };   // a lie: it goes nowhere
    });
    const node = await start(ledger, { RPC_URL: proxy.url });
    const job = await market.makeJob();
    const session = await open(node, job);
    await session.ask(exactly(120));
    await used(job, 120, node);
    assert.equal(dropped, 3);
    const balance = await market.chain.reader.getBalance({ address: market.host });
    await market.chain.control.setBalance({ address: market.host, value: 1000n });
    try {
        await session.ask(exactly(120));
        await waitFor(async () => node.log().includes('the transaction may cost'), () => false, quiet(node));
        assert.equal(await node.metric('gptoss_market_unproven_tokens'), 120);
    } finally {
        await market.chain.control.setBalance({ address: market.host, value: balance });
    }
    await used(job, 240, node);
    await session.connection.close();
    await over(job, node);
    await provenOnce(job, 240);
    proxy.stop();
    await node.stop();
});

test('an endpoint that lags or breaks off: nothing is claimed twice', async () => {
    const ledger = place();
    let old, stale = false, questions = 0;
    const proxy = await startProxy(market.chain, async (question, next) => {
        questions += 1;
        if (questions % 7 === 0) return undefined;   // the connection is lost
        const isJob = question.method === 'eth_call' && question.params[0].data.startsWith('0xef39d372');
        if (isJob && stale && old) { stale = false; return { ...old, id: question.id }; }
        const reply = await next();
        if (isJob) { old ??= reply; stale = !stale; }
        return reply;
    });
    const node = await start(ledger, { RPC_URL: proxy.url });
    const job = await market.makeJob();
    let session;
    await waitFor(async () => { session = await open(node, job); return true; }, () => false, quiet(node));
    for (let turn = 0; turn < 3; turn += 1)
        await waitFor(async () => (await session.ask(exactly(110))).end.tokens_used === 110, () => false, quiet(node));
    await session.connection.close();
    assert.equal((await over(job, node)).tokensUsed, 330n);
    await provenOnce(job, 330);
    proxy.stop();
    await node.stop();
});

test('three blocks are taken back, with the proof in them: it is proven again, once', async () => {
    const ledger = place();
    const node = await start(ledger, { GPTOSS_CONFIRMATIONS: '5' });
    const job = await market.makeJob();
    const session = await open(node, job);
    const snapshot = await market.chain.control.snapshot();
    await session.ask(exactly(130));
    await used(job, 130, node);
    await market.chain.control.mine({ blocks: 2 });
    await market.chain.control.revert({ id: snapshot });
    assert.equal((await market.jobOf(job)).tokensUsed, 0n);
    await used(job, 130, node);
    await market.chain.control.mine({ blocks: 6 });
    await session.connection.close();
    const mining = setInterval(() => market.chain.control.mine({ blocks: 1 }).catch(() => {}), 200);
    const found = await over(job, node).finally(() => clearInterval(mining));
    assert.equal(found.tokensUsed, 130n);
    await node.stop();
});

test('a transaction that nobody mines is sent again for a higher fee', async () => {
    const ledger = place();
    const node = await start(ledger, { GPTOSS_TRANSACTION_STUCK_S: '1' });
    const job = await market.makeJob();
    const session = await open(node, job);
    const { control } = market.chain;
    await control.setAutomine(false);
    try {
        await session.ask(exactly(140));
        await waitFor(() => node.log().includes('is sent again with a higher fee'), () => false, quiet(node));
    } finally {
        await control.setAutomine(true);
        await control.mine({ blocks: 1 });
    }
    await used(job, 140, node);
    await session.connection.close();
    await over(job, node);
    await provenOnce(job, 140);
    await node.stop();
});

test('claims wait while gas is dear', async () => {
    const ledger = place();
    let gwei = 50n;
    // The chain's own words but for what gas costs.
    const proxy = await startProxy(market.chain, async (question, next) => {
        const reply = await next();
        if (question.method === 'eth_getBlockByNumber' && reply.result) reply.result.baseFeePerGas = `0x${(gwei * 10n ** 9n).toString(16)}`;
        if (question.method === 'eth_gasPrice') reply.result = `0x${(gwei * 10n ** 9n).toString(16)}`;
        return reply;
    });
    const node = await start(ledger, { RPC_URL: proxy.url, GPTOSS_GAS_PRICE_MAX_GWEI: '20' });
    const job = await market.makeJob();
    const session = await open(node, job);
    await session.ask(exactly(110));
    await waitFor(() => node.log().includes('more than GPTOSS_GAS_PRICE_MAX_GWEI allows'), () => false, quiet(node));
    assert.equal((await market.jobOf(job)).tokensUsed, 0n);
    gwei = 1n;
    await session.connection.close();
    assert.equal((await over(job, node)).tokensUsed, 110n);
    await provenOnce(job, 110);
    proxy.stop();
    await node.stop();
});

test('a proof that runs out of gas on the chain is proven later, once', { skip: !long }, async () => {
    const ledger = place();
    let lies = 1;
    const proxy = await startProxy(market.chain, async (question, next) => {
        const reply = await next();
        if (question.method === 'eth_estimateGas' && lies > 0 && reply.result) { lies -= 1; reply.result = '0x9c40'; }
        return reply;
    });
    const node = await start(ledger, { RPC_URL: proxy.url });
    const job = await market.makeJob();
    const session = await open(node, job);
    await session.ask(exactly(110));
    await waitFor(() => node.log().includes('failed on the chain, gas was spent'), () => false, quiet(node));
    await used(job, 110, node);
    await session.connection.close();
    await over(job, node);
    await provenOnce(job, 110);
    proxy.stop();
    await node.stop();
});

test('S5 is away: answers go on, and every checkpoint is there when it is back, also after kill -9', async () => {
    const bridge = await startBridge(() => undefined);
    bridge.down = true;
    const ledger = place();
    const settings = { GPTOSS_CHECKPOINTS: 'encrypted', ENHANCED_S5_URL: bridge.url, GPTOSS_SESSION_GRACE_S: '30' };
    let node = await start(ledger, settings);
    const job = await market.makeJob({ deposit: parseEther('1') });
    const changes = { recoveryPublicKey: Buffer.from(publicKeyOf(clientKey)).toString('hex') };
    let session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: 'told' });
    assert.equal((await session.open(session.init(changes))).type, 'session_init_ack');
    for (let turn = 1; turn <= 2; turn += 1) {
        await session.ask(exactly(110));
        await used(job, 110 * turn, node);
    }
    await waitFor(async () => (await (await fetch(`${node.url}/checkpoints/told`)).json()).checkpoints.length === 2, () => false, quiet(node));
    assert.equal(bridge.files.size, 0);
    node.child.kill('SIGKILL');
    await node.exited();
    node = await start(ledger, settings);
    session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: 'told' });
    assert.equal((await session.open(session.init(changes))).type, 'session_init_ack');
    await session.ask(exactly(110));
    bridge.down = false;
    const home = `home/checkpoints/${market.host.toLowerCase()}/told`;
    await waitFor(() => [0, 1, 2].every((n) => bridge.files.has(`${home}/delta_${n}.json`) && bridge.files.has(`home/proofs/job_${job}_proof_${n}.json`)) && JSON.parse(bridge.files.get(`${home}/index.json`) ?? '{}').checkpoints?.length === 3, () => false, quiet(node));
    const index = JSON.parse(bridge.files.get(`${home}/index.json`));
    assert.deepEqual(index.checkpoints.map((each) => [each.index, each.tokenRange]), [[0, [0, 110]], [1, [110, 220]], [2, [220, 330]]]);
    assert.deepEqual((await market.proofsOf(job)).map((each) => each.deltaCID), index.checkpoints.map((each) => each.deltaCid));
    assert.ok(JSON.parse(bridge.files.get(`${home}/delta_0.json`)).encrypted);
    await waitFor(async () => (await node.metric('gptoss_market_outbox_files')) === 0);
    assert.ok([...bridge.files.values()].every((file) => !file.includes('rivers')));
    await node.stop();
    bridge.stop();
});
