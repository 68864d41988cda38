// Money at every boundary: what the contract pays is what was answered, neither a token more nor one less.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { binary, startNode, waitFor } from './support/node.mjs';
import { ClientSession, exactly, publicKeyOf } from './support/market_client.mjs';
import { clientKey, hostKey, startMarket } from './support/local_market.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-money-'));
const price = 1_000_000_000_000n;
const paying = (tokens) => (BigInt(tokens) * price) / 1000n;
let market, node;
let sessions = 0;

before(async () => {
    market = await startMarket();
    node = await startNode([], market.environment(folder, { GPTOSS_SESSION_GRACE_S: '1', GPTOSS_PRICE_NATIVE: String(price), GPTOSS_PRICE_STABLE: '2000' }));
});
after(async () => {
    await node?.stop();
    await market?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const open = async (job, changes = {}) => {
    sessions += 1;
    const session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: `money-${sessions}`, ...changes });
    session.ack = await session.open();
    return session;
};
const settled = (job) => waitFor(async () => { const found = await market.jobOf(job); return found.status !== 0 && found; }, () => false, () => node.log().replace(/^.*route=\/ready.*\n/gm, ''));
const proven = (job, tokens) => waitFor(async () => (await market.jobOf(job)).tokensUsed === BigInt(tokens), () => false, () => node.log().replace(/^.*route=\/ready.*\n/gm, ''));

for (const [answers, paid, proofs] of [[[], 0, 0], [[99], 0, 0], [[100], 100, 1], [[99, 1], 100, 1], [[150, 60], 150, 1], [[1000], 1000, 1], [[1150], 1150, 2]])
    test(`answers of ${answers.length ? answers.join(' and ') : 'no'} tokens: ${paid} are paid`, async () => {
        const job = await market.makeJob({ price });
        const before = await market.credited();
        const session = await open(job);
        for (const tokens of answers) {
            assert.equal((await session.ask(exactly(tokens))).end.tokens_used, tokens);
            // A proof that is slow would take the next answer with it, and pay more than this line says.
            if (tokens >= 100) await proven(job, tokens);
        }
        await session.connection.close();
        const over = await settled(job);
        assert.equal(over.tokensUsed, BigInt(paid));
        assert.equal(await market.credited() - before, paying(paid) - paying(paid) / 10n);
        assert.equal(over.refundedToUser, over.deposit - paying(paid));
        assert.ok((await market.proofsOf(job)).length <= proofs, 'no more proofs than needed');
    });

test('a deposit that ends in the middle of an answer pays for what it holds, and for nothing more', async () => {
    const job = await market.makeJob({ price, deposit: paying(150) });
    const session = await open(job);
    const { end, finish } = await session.ask(exactly(400));
    assert.equal(end.tokens_used, 150);
    assert.equal(finish, 'length');
    const { end: refused } = await session.ask(exactly(10));
    assert.equal(refused.code, 'JOB_DEPOSIT_EXHAUSTED', JSON.stringify(refused));
    await proven(job, 150);
    await session.connection.close();
    assert.equal((await settled(job)).refundedToUser, 0n);
});

test('a job keeps its price; one that pays less than is asked is refused', async () => {
    const cheap = await open(await market.makeJob({ price: price - 1n }));
    assert.equal(cheap.ack.code, 'JOB_PRICE_TOO_LOW', JSON.stringify(cheap.ack));
    const dear = await market.makeJob({ price: price * 3n });
    const before = await market.credited();
    const session = await open(dear);
    await session.ask(exactly(120));
    await session.connection.close();
    await settled(dear);
    assert.equal(await market.credited() - before, (paying(360) * 9n) / 10n);
});

test('a client that completes its job pays what was proven until then', async () => {
    const job = await market.makeJob({ price });
    const session = await open(job);
    await session.ask(exactly(130));
    await proven(job, 130);
    await market.write(market.wallets.client, market.contract, 'completeSessionJob', [BigInt(job), 'cid']);
    assert.equal((await market.jobOf(job)).tokensUsed, 130n);
    await session.connection.close();
    const { ack } = await open(job);
    assert.ok(['JOB_NOT_ACTIVE'].includes(ack.code) || ack.type === 'session_init_ack', JSON.stringify(ack));   // remembered for a moment
});

test('a job whose time is over is refused, and pays what was proven', async () => {
    const job = await market.makeJob({ price, duration: 60n });
    const late = await market.makeJob({ price, duration: 60n });
    const session = await open(job);
    await session.ask(exactly(110));
    await proven(job, 110);
    await market.chain.control.increaseTime({ seconds: 120 });
    await market.chain.control.mine({ blocks: 1 });
    assert.equal((await open(late)).ack.code, 'JOB_TIMED_OUT');
    await market.write(market.wallets.other, market.contract, 'triggerSessionTimeout', [BigInt(job)]);
    const over = await market.jobOf(job);
    assert.equal(over.status, 2);
    assert.equal(over.withdrawnByHost, (paying(110) * 9n) / 10n);
});

test('a cancelled answer and one whose client went away are billed for what was sent', async () => {
    const job = await market.makeJob({ price });
    const session = await open(job);
    session.connection.send(session.message(exactly(3000)));
    for (let chunks = 0; chunks < 20; chunks += 1) await session.connection.next();
    session.connection.send({ type: 'stream_cancel', session_id: session.session, reason: 'user' });
    const { end } = await session.answer();
    assert.equal(end.reason, 'cancelled');
    assert.ok(end.tokens_used < 2900, `${end.tokens_used} tokens after a cancellation`);
    // Again on another connection, dropped in the middle of an answer.
    session.connection.send(session.message(exactly(3000)));
    let last = 0;
    for (let chunks = 0; chunks < 30; chunks += 1) last = (await session.connection.next()).tokens ?? last;
    await session.connection.drop();
    const ack = await session.open();
    assert.equal(ack.type, 'session_init_ack', JSON.stringify(ack));
    session.count = 0;   // a fresh key's count begins anew
    const { end: third } = await session.ask(exactly(100));
    assert.equal(third.tokens_used, 100);
    await session.connection.close();
    const over = await settled(job);
    const least = end.tokens_used + last + 100;
    assert.ok(Number(over.tokensUsed) >= least && Number(over.tokensUsed) < least + 2900, `${over.tokensUsed} for at least ${least}`);
});

test('price shows, proposes and sets what the host asks, within the contract\'s bounds', async () => {
    const registry = await market.chain.deploy('NodeRegistry');
    const model = `0x${'ab'.repeat(32)}`;
    await market.write(market.wallets.host, registry, 'registerNode', ['', 'http://host', [model], 0n, 0n]);
    const env = { PATH: process.env.PATH, ...market.environment(folder), CONTRACT_NODE_REGISTRY: registry.address };
    const run = (...args) => { const { status, stdout, stderr } = spawnSync(binary, ['price', ...args], { encoding: 'utf8', env, cwd: '/' }); return { status, output: stdout + stderr }; };
    const look = run('--tokens-per-second', '100', '--watts', '600', '--dollars-per-kwh', '0.3');
    assert.equal(look.status, 0, look.output);
    assert.match(look.output, /power alone +500\.000/);   // 600 W for 10 s are 1/600 kWh: 0.0005 dollars
    assert.match(look.output, /proposed +1500,/);
    const set = ['set', '--model', model, '--token', 'usdc', '--price', '1500'];
    assert.equal(run(...set).status, 3);
    assert.equal(run(...set, '--send').status, 0);
    assert.equal(await market.chain.reader.readContract({ ...registry, functionName: 'modelTokenPricing', args: [market.host, model, market.token.address] }), 1500n);
    assert.equal(run(...set, '--send').status, 0);
    assert.equal(run('set', '--model', model, '--price', '100000001', '--send').status, 1);
    assert.match(run().output, /usdc +1500/);
});

test('the node\'s card tells marketplaces what it serves, and for how much', async () => {
    const card = await (await fetch(`${node.origin}/.well-known/gpt-oss-node.json`)).json();
    assert.equal(card.host, market.host);
    assert.equal(card.host_public_key, `0x${Buffer.from(publicKeyOf(hostKey)).toString('hex')}`);
    assert.equal(card.data[0].quantization, 'mxfp4');
    assert.equal(card.data[0].pricing.completion, '0.000002000');
    assert.deepEqual(card.sessions, { path: '/v1/ws', encrypted: true, job_required: true });
});

test('earnings shows what is credited and withdraws it, after a dry run', async () => {
    const env = { PATH: process.env.PATH, ...market.environment(folder) };
    const run = (...args) => { const { status, stdout, stderr } = spawnSync(binary, ['earnings', ...args], { encoding: 'utf8', env, cwd: '/' }); return { status, output: stdout + stderr }; };
    const credited = await market.credited();
    const look = run();
    assert.equal(look.status, 0, look.output);
    assert.ok(look.output.includes(`credited    ${credited} wei`), look.output);
    assert.match(look.output, /tokens +\d+ counted, \d+ proven/);
    const dry = run('withdraw');
    assert.equal(dry.status, 3, dry.output);
    assert.match(dry.output, /Dry run/);
    assert.equal(await market.credited(), credited);
    const before = await market.chain.reader.getBalance({ address: market.host });
    const sent = run('withdraw', '--send');
    assert.equal(sent.status, 0, sent.output);
    assert.equal(await market.credited(), 0n);
    const hash = /transaction (0x[0-9a-f]{64})/.exec(sent.output)[1];
    const receipt = await market.chain.reader.getTransactionReceipt({ hash });
    assert.equal(await market.chain.reader.getBalance({ address: market.host }), before + credited - receipt.gasUsed * receipt.effectiveGasPrice);
    assert.equal(run('withdraw').status, 0);
});
