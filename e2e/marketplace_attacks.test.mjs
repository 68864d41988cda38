// What clients of the marketplace's sessions try who do not mean well: refused by a code, bounded, and logged without content.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { keccak256, toBytes } from 'viem';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { startNode, waitFor } from './support/node.mjs';
import { ClientSession, connect, exactly, publicKeyOf, seal } from './support/market_client.mjs';
import { clientKey, hostKey, otherKey, startMarket } from './support/local_market.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-attacks-'));
const secret = 'the password of the safe is swordfish';
let market, node;

before(async () => {
    market = await startMarket();
    node = await startNode([], market.environment(folder, { GPTOSS_SESSION_GRACE_S: '1', GPTOSS_API_KEYS_FILE: keys() }));
});
after(async () => {
    await node?.stop();
    await market?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

function keys() {
    const file = path.join(folder, 'keys');
    fs.writeFileSync(file, 'someone secret-key-of-someone-0123456789\n', { mode: 0o600 });
    return file;
}
const session = (job, id, changes = {}) => new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: id, ...changes });
const codeOf = async (connection, message) => { connection.send(message); return (await connection.next()).code; };

test('a challenge is answered with a signature from which the host\'s key comes back', async () => {
    const challenge = randomBytes(32).toString('hex');
    const reply = await (await node.post('/v1/auth/challenge', { challenge })).json();
    const signature = secp256k1.Signature.fromCompact(reply.signature).addRecoveryBit(reply.recid);
    assert.deepEqual(signature.recoverPublicKey(sha256(Buffer.from(challenge, 'hex'))).toRawBytes(true), publicKeyOf(hostKey));
    assert.equal((await node.post('/v1/auth/challenge', { challenge: '00' })).status, 400);
});

test('sessions that are paid need no key, all else does', async () => {
    assert.equal((await node.post('/v1/chat/completions', { messages: [] })).status, 401);
    assert.equal((await fetch(`${node.origin}/v1/ws`)).status, 426);
});

test('messages that were sent before, or out of their order', async () => {
    const talk = session(await market.makeJob(), 'replayed');
    const init = talk.init();
    assert.equal((await talk.open(init)).type, 'session_init_ack');
    const first = talk.message({ ...exactly(5), prompt: secret });
    talk.connection.send(first);
    await talk.answer();
    assert.equal(await codeOf(talk.connection, first), 'MESSAGE_REORDERED');
    const late = talk.message(exactly(5));
    talk.connection.send(talk.message(exactly(5)));
    await talk.answer();
    assert.equal(await codeOf(talk.connection, late), 'MESSAGE_REORDERED');
    const uncounted = { ...first, payload: seal(talk.sessionKey, JSON.stringify(exactly(5)), '') };   // a client that does not count
    talk.connection.send(uncounted);
    assert.equal((await talk.answer()).end.type, 'stream_end');
    assert.equal(await codeOf(talk.connection, uncounted), 'MESSAGE_REPLAYED');
    // Who has seen it all cannot take the session over, nor open it again later.
    const thief = await connect(node.origin);
    await thief.next();
    assert.equal(await codeOf(thief, first), 'MESSAGE_REORDERED');
    const fresh = talk.init();
    assert.equal((await (async () => { talk.connection.send(fresh); return talk.connection.next(); })()).type, 'session_init_ack');
    assert.equal(await codeOf(thief, init), 'MESSAGE_REPLAYED');
    await thief.close();
    await talk.connection.close();
});

test('a wrong signer, another host\'s job, a job of another model, none at all, one that is over', async () => {
    const refused = async (talk) => { const ack = await talk.open(); await talk.connection.close(); return ack.code; };
    const job = await market.makeJob();
    assert.equal(await refused(session(job, 'a', { clientKey: otherKey })), 'SESSION_AUTH_DENIED');
    assert.equal(await refused(session(await market.makeJob({ to: market.client }), 'b')), 'JOB_OTHER_HOST');
    assert.equal(await refused(session(await market.makeJob({ model: keccak256(toBytes('another/model')) }), 'c')), 'JOB_OTHER_MODEL');
    for (const number of ['99999', '0', '-1', '1e3', '']) assert.equal(await refused(session(number, 'd')), 'JOB_NOT_FOUND');
    const over = await market.makeJob();
    await market.write(market.wallets.client, market.contract, 'completeSessionJob', [BigInt(over), '']);
    assert.equal(await refused(session(over, 'e')), 'JOB_NOT_ACTIVE');
    assert.equal(await refused(session(job, 'f', { hostPublicKey: publicKeyOf(otherKey) })), 'DECRYPTION_FAILED');
    // Another's session id, and another session of a job in use.
    const mine = session(job, 'mine');
    assert.equal((await mine.open()).type, 'session_init_ack');
    const theirs = session(await market.makeJob({ from: market.wallets.other }), 'mine', { clientKey: otherKey });
    assert.equal(await refused(theirs), 'SESSION_IN_USE');
    await mine.connection.close();
});

test('plain messages, broken ones, and ones of no type', async () => {
    const connection = await connect(node.origin);
    assert.equal((await connection.next()).type, 'connected');
    for (const [message, code] of [[{ type: 'session_init', session_id: '1' }, 'ENCRYPTION_REQUIRED'], [{ type: 'prompt', prompt: secret }, 'ENCRYPTION_REQUIRED'],
        ['{', 'INVALID_REQUEST'], ['[]', 'INVALID_PAYLOAD'], [{ type: 'encrypted_session_init' }, 'MISSING_SESSION_ID'],
        [{ type: 'encrypted_session_init', session_id: '1' }, 'MISSING_PAYLOAD'], [{ type: 'encrypted_session_init', session_id: '1', payload: {} }, 'INVALID_PAYLOAD'],
        [{ type: 'encrypted_message', session_id: 'nobody', payload: {} }, 'SESSION_KEY_NOT_FOUND'], [{ type: 'uploadVectors' }, 'UNKNOWN_MESSAGE_TYPE'],
        [{ type: 'encrypted_message', session_id: 'x'.repeat(200) }, 'INVALID_PAYLOAD'], ['['.repeat(100_000), 'INVALID_REQUEST']])
        assert.equal(await codeOf(connection, message), code, JSON.stringify(message).slice(0, 100));
    await connection.close();
});

test('an oversized frame ends its connection, and a thousand half-open ones end nothing', async () => {
    const large = await connect(node.origin);
    large.send('x'.repeat(40 << 20));
    assert.ok([1009, 1006].includes(await large.closed), 'too large, or cut off while it was still sending');
    const idle = await Promise.all(Array.from({ length: 1000 }, () => connect(node.origin)));
    const talk = session(await market.makeJob(), 'among many');
    assert.equal((await talk.open()).type, 'session_init_ack');
    assert.equal((await talk.ask(exactly(10))).end.tokens_used, 10);
    for (const each of idle) each.socket.terminate();
    await talk.connection.close();
});

test('a client that does not read is cut off, and what was sent is paid', async () => {
    const job = await market.makeJob();
    const talk = session(job, 'slow');
    await talk.open();
    talk.connection.socket.pause();
    talk.connection.send(talk.message(exactly(200)));
    await waitFor(async () => (await market.jobOf(job)).tokensUsed === 200n, () => false, () => node.log().slice(-3000));
    talk.connection.socket.terminate();
});

test('tokens a minute hold on sessions too, and an answer keeps its place until it is over', async () => {
    const other = fs.mkdtempSync(path.join(folder, 'limited-'));
    const limited = await startNode([], market.environment(other, { GPTOSS_TOKENS_PER_MINUTE: '100', GPTOSS_CONCURRENT_REQUESTS: '1' }));
    try {
        const [first, second] = [await market.makeJob(), await market.makeJob()].map((job) => session(job, `limited-${job}`, { origin: limited.origin }));
        assert.equal((await first.open()).type, 'session_init_ack');
        // The place of a message that opened a session is free a moment after its answer.
        await waitFor(async () => (await second.open()).type === 'session_init_ack');
        let frame;
        await waitFor(async () => { first.connection.send(first.message(exactly(30_000))); frame = await first.connection.next(); return frame.type === 'encrypted_chunk'; });
        while (frame.tokens < 150) frame = await first.connection.next();
        const busy = await second.ask(exactly(5));
        assert.equal(busy.end.type, 'error', 'one answer at a time');
        first.connection.send({ type: 'stream_cancel', session_id: first.session });
        await first.answer();
        const spent = await second.ask(exactly(5));
        assert.match(spent.end.message, /100 tokens a minute/, JSON.stringify(spent.end));
    } finally {
        await limited.stop();
    }
});

test('nothing that was said is in the log, nor in the ledger\'s file', () => {
    assert.ok(!node.log().includes('swordfish'));
    for (const file of fs.readdirSync(folder, { recursive: true }).map((each) => path.join(folder, each)).filter((each) => fs.statSync(each).isFile()))
        assert.ok(!fs.readFileSync(file).includes('swordfish'), file);
});
