// A node that publishes proofs and conversations through a portal of its own: what the chain names is there, and tells what it should.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { startNode, waitFor } from './support/node.mjs';
import { ClientSession, exactly, publicKeyOf } from './support/market_client.mjs';
import { clientKey, hostKey, startMarket } from './support/local_market.mjs';
import { cidOf, startPortal } from './support/s5_portal.mjs';

const phrase = 'queen liquid dynamic rebuild dictate sacred adopt topic kitchen cave image shrug believe inmate bike';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-market-s5-'));
let market, portal;
before(async () => { [market, portal] = await Promise.all([startMarket({ version: 'january' }), startPortal()]); });
after(async () => {
    portal?.stop();
    await market?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const hashOf = (text) => `0x${createHash('sha256').update(text).digest('hex')}`;
const start = (grace_s = '30') => startNode([], market.environment(folder, { GPTOSS_SESSION_GRACE_S: grace_s, GPTOSS_CHAIN_POLL_MS: '50', GPTOSS_CHECKPOINTS: 'encrypted', GPTOSS_LEDGER_JOBS_KEPT: '0',
    S5_SEED_PHRASE: phrase, S5_PORTAL_URL: portal.url, GPTOSS_S5_WAIT_MS: '300', GPTOSS_RECEIPTS: 'on', GPTOSS_RECEIPTS_PATH: path.join(folder, 'receipts.sqlite') }));

test('each proof\'s document is on S5 under the name that the chain has, with the hashes of its answers\' receipts', async () => {
    let node = await start();
    try {
        const job = await market.makeJob();
        const session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: 'published' });
        const changes = { recoveryPublicKey: Buffer.from(publicKeyOf(clientKey)).toString('hex') };
        assert.equal((await session.open(session.init(changes))).type, 'session_init_ack');
        const used = (tokens) => waitFor(async () => (await market.jobOf(job)).tokensUsed === BigInt(tokens), () => false, () => node.log().slice(-3000));
        await session.ask(exactly(110));
        await used(110);
        portal.down = true;   // in the middle: the second proof waits in the ledger, over a kill too
        await session.ask(exactly(120));
        await used(230);
        node.child.kill('SIGKILL');
        await node.exited();
        portal.down = false;
        node = await start();
        const proofs = await market.proofsOf(job);
        await waitFor(() => proofs.every((proof) => portal.find(proof.proofCID) && portal.find(proof.deltaCID)), () => false, () => node.log().slice(-3000));
        const documents = proofs.map((proof) => portal.find(proof.proofCID));
        proofs.forEach((proof, place) => {
            assert.equal(hashOf(documents[place]), proof.proofHash);
            assert.equal(cidOf(documents[place]), proof.proofCID);
        });
        const told = documents.map((document) => JSON.parse(document));
        assert.deepEqual(told.map((each) => [each.jobId, each.startToken, each.endToken]), [[String(job), 0, 110], [String(job), 110, 230]]);
        for (const reply of told.flatMap((each) => each.replies)) {
            const receipt = await (await fetch(`${node.url}/receipts/${reply.id}`)).text();
            assert.equal(reply.receipt, hashOf(receipt), 'who has the receipt sees that the proof is of it');
        }
        assert.ok(documents.every((document) => !document.includes('rivers')), 'no content, and no hash that could be guessed');
        // Settled, and the ledger forgets the job: its sums stay, what is on S5 too.
        await market.write(market.wallets.client, market.contract, 'completeSessionJob', [BigInt(job), '']);
        await node.stop();
        node = await start('1');
        await waitFor(async () => (await fetch(`${node.url}/checkpoints/published`)).status === 404, () => false, () => node.log().slice(-3000));
        assert.deepEqual([await node.metric('gptoss_market_proofs'), await node.metric('gptoss_market_billed_tokens')], [2, 230]);
    } finally {
        await node.stop();
    }
});
