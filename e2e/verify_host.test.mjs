// verify-host: a node that serves what it claims holds; one that signs other tokens, another key or no tokens does not.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { concatHex, keccak256, numberToHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { strangerKey } from './support/local_chain.mjs';
import { binary, startNode } from './support/node.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-verify-host-'));
const keyFile = path.join(folder, 'host.key');
fs.writeFileSync(keyFile, strangerKey, { mode: 0o600 });
const account = privateKeyToAccount(strangerKey);
const model = new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname;
const signing = (name, receipts = 'tokens') => startNode([], { HOST_PRIVATE_KEY_FILE: keyFile, CHAIN_ID: '31337', GPTOSS_RECEIPTS: receipts,
    GPTOSS_RECEIPTS_PATH: path.join(folder, `${name}.sqlite`) });
let node, second;

before(async () => { [node, second] = await Promise.all([signing('first'), signing('second')]); });
after(async () => {
    await Promise.all([node?.stop(), second?.stop()]);
    fs.rmSync(folder, { recursive: true, force: true });
});

async function verifyHost(url, ...args) {
    const child = spawn(binary, ['verify-host', url, '--requests', '12', '--max-tokens', '40', '--json', ...args], { env: { PATH: process.env.PATH } });
    let output = '', errors = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { errors += data; });
    const [status] = await once(child, 'exit');
    return { status, errors, report: output ? JSON.parse(output) : undefined };
}

// A host between the client and the node, which may change what is told.
async function liar(change) {
    const server = http.createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        const reply = await fetch(node.origin + request.url, { method: request.method, headers: { 'content-type': 'application/json' }, body: body.length ? body : undefined });
        let text = await reply.text();
        if (request.url.startsWith('/v1/receipts/')) text = JSON.stringify(await change(JSON.parse(text)));
        response.writeHead(reply.status, { 'content-type': 'application/json' }).end(text);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
const sign = async (receipt) => {
    const { EIP712Domain, ...types } = receipt.types;
    const message = { ...receipt.message, seed: BigInt(receipt.message.seed), completedAt: BigInt(receipt.message.completedAt) };
    return { ...receipt, signature: await account.signTypedData({ domain: receipt.domain, types, primaryType: 'Receipt', message }) };
};
const hashOf = (tokens) => keccak256(concatHex(tokens.map((token) => numberToHex(token, { size: 4 }))));

test('a node that serves what it claims holds, by its model and by a second node', async () => {
    const { status, report, errors } = await verifyHost(node.origin, '--model', model, '--signer', account.address);
    assert.equal(status, 0, errors + JSON.stringify(report));
    assert.deepEqual([report.holds, report.asked, report.replayed, report.held, report.faults], [true, 12, 6, 6, []]);
    assert.equal(report.signer, account.address);
    assert.ok(Math.abs((1 - report.largest_unnoticed_share) ** 6 - 0.05) < 1e-9);
    const all = await verifyHost(node.origin, '--second', second.origin);
    assert.equal(all.status, 0, JSON.stringify(all.report));
    assert.equal(all.report.held, 12);
});

test('other tokens, signed by the host itself, are found; so are changed fields and another key', async () => {
    const lies = [
        [async (receipt) => { receipt.tokens.output[1] += 1; receipt.message.outputHash = hashOf(receipt.tokens.output); return sign(receipt); }, /seed and logits choose/],
        [async (receipt) => { receipt.message.promptTokens += 1; return receipt; }, /FORGED/],
        [async (receipt) => { receipt.message.seed = '7'; return sign(receipt); }, /another seed/],
        [async (receipt) => { receipt.message.sampling = receipt.message.sampling.replace('temperature=1', 'temperature=0.5'); return sign(receipt); }, /other sampling/],
    ];
    for (const [change, says] of lies) {
        const host = await liar(change);
        const { status, report } = await verifyHost(host.url, '--model', model);
        host.stop();
        assert.equal(status, 4, JSON.stringify(report));
        assert.equal(report.holds, false);
        assert.match(report.faults[0].why, says);
    }
    const stranger = await verifyHost(node.origin, '--model', model, '--signer', '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
    assert.equal(stranger.status, 4);
    assert.match(stranger.report.faults[0].why, /ANOTHER SIGNER/);
});

test('a host without receipts, and none at all, are told apart; what cannot work is refused', async () => {
    const silent = await startNode();
    const { status, report } = await verifyHost(silent.origin, '--model', model);
    await silent.stop();
    assert.equal(status, 4);
    assert.match(report.faults[0].why, /there is no receipt/);
    assert.equal((await verifyHost('http://127.0.0.1:9', '--model', model)).status, 2);
    assert.equal((await verifyHost(node.origin)).status, 1, 'neither a model nor a second node');
});
