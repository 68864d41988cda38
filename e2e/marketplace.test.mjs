// Encrypted sessions that a client pays for on a local chain: what is streamed is what is proven, and money moves exactly.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startNode, waitFor } from './support/node.mjs';
import { ClientSession, publicKeyOf } from './support/market_client.mjs';
import { clientKey, hostKey, startMarket } from './support/local_market.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-market-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

for (const version of ['february', 'january'])
    for (const native of [true, false])
        test(`one session, paid in ${native ? 'the native coin' : 'a stablecoin'}, ${version}'s contract`, async () => {
            const market = await startMarket({ version });
            const ledger = fs.mkdtempSync(path.join(folder, 'node-'));
            const node = await startNode([], market.environment(ledger, { GPTOSS_SESSION_GRACE_S: '1' }));
            try {
                const price = native ? 1_000_000_000_000n : 2000n;
                const deposit = native ? 10_000_000_000_000_000n : 1_000_000n;
                const job = await market.makeJob({ native, price, deposit });
                const before = native ? await market.chain.reader.getBalance({ address: market.client })
                    : await market.chain.reader.readContract({ ...market.token, functionName: 'balanceOf', args: [market.client] });
                const session = new ClientSession({ origin: node.origin, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: '500' });
                const ack = await session.open();
                assert.equal(ack.type, 'session_init_ack', JSON.stringify(ack));
                assert.equal(ack.client_address, market.client);
                assert.equal(ack.job_id, String(job));
                let tokens = 0;
                for (let turn = 0; turn < 3; turn += 1) {
                    const { text, finish, end, chunks } = await session.ask({ prompt: 'Write a long story about a river.', model: '', max_tokens: 150, temperature: 1 });
                    assert.equal(end.type, 'stream_end', JSON.stringify(end));
                    assert.ok(['stop', 'length'].includes(finish));
                    assert.equal(finish, end.finish_reason);
                    assert.deepEqual(chunks.map((chunk) => chunk.payload.index), chunks.map((_, place) => place));
                    assert.equal(end.tokens_used, end.usage.completion_tokens);
                    assert.ok(text.length > 0 || end.tokens_used > 0);
                    tokens += end.tokens_used;
                }
                await session.connection.close();
                const over = await waitFor(async () => { const found = await market.jobOf(job); return found.status !== 0 && found; }, () => false, () => node.log());
                const proven = tokens < 100 ? 0 : Number(over.tokensUsed);
                assert.equal(Number(over.tokensUsed), proven);
                assert.ok(tokens - proven < 100 && proven <= tokens, `${proven} of ${tokens} tokens are proven`);
                const paid = BigInt(proven) * price / 1000n;
                assert.equal(over.withdrawnByHost, paid - paid / 10n);
                assert.equal(await market.credited(native), paid - paid / 10n);
                assert.equal(over.refundedToUser, deposit - paid);
                const left = native ? await market.chain.reader.getBalance({ address: market.client })
                    : await market.chain.reader.readContract({ ...market.token, functionName: 'balanceOf', args: [market.client] });
                assert.equal(left - before, deposit - paid);
                const proofs = await market.proofsOf(job);
                assert.equal(proofs.reduce((sum, each) => sum + each.tokensClaimed, 0n), over.tokensUsed);
                assert.ok(!node.log().includes('river'), 'no content in the log');
            } finally {
                await node.stop();
                await market.stop();
            }
        });
