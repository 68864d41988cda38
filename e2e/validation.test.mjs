// A node's start in every validation mode, against a real EVM: what the registry may hold, and every way in which it may
// be out of reach.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { keccak256, toBytes } from 'viem';
import { startChain } from './support/local_chain.mjs';
import { startNode } from './support/node.mjs';

const demo = new URL('../models/demo/', import.meta.url).pathname;
const repository = 'owner/demo';
let chain, identical, different, absent, garbage, folder, model, composite;

// A copy of the demo model whose manifest names its repository.
function copyModel() {
    const to = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-validation-'));
    for (const file of fs.readdirSync(demo).filter((name) => name.endsWith('.gguf'))) fs.copyFileSync(path.join(demo, file), path.join(to, file));
    const first = path.join(to, fs.readdirSync(to).find((name) => name.includes('00001-of-')));
    return { to, first };
}
const manifestOf = (first) => first.replace(/-00001-of-\d+\.gguf$/, '.manifest.json');

async function registry(hash) {
    const contract = await chain.deploy('ModelRegistry');
    if (hash) {
        const sent = await chain.owner.writeContract({ ...contract, functionName: 'addTrustedModel', args: [repository, path.basename(model), `0x${hash}`] });
        await chain.reader.waitForTransactionReceipt({ hash: sent, pollingInterval: 50 });
    }
    return contract.address;
}

before(async () => {
    chain = await startChain();
    const copy = copyModel();
    folder = copy.to;
    model = copy.first;
    // A start that hashes writes the manifest; the repository is then put into it.
    const node = await startNode(['--model', model, '--require-model-validation', 'warn'],
        settings('0x00000000000000000000000000000000000000aa', { RPC_URL: 'http://127.0.0.1:1' }));
    composite = (await (await fetch(`${node.origin}/version`)).json()).provenance.composite_sha256;
    await node.stop();
    // As text: the nanoseconds in it are larger than JavaScript's numbers are exact.
    const manifest = fs.readFileSync(manifestOf(model), 'utf8');
    fs.writeFileSync(manifestOf(model), manifest.replace('"repository": ""', `"repository": "${repository}"`));
    identical = await registry(composite);
    different = await registry('11'.repeat(32));
    absent = await registry();
    garbage = http.createServer((request, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1');
});
after(() => { garbage?.close(); fs.rmSync(folder, { recursive: true, force: true }); return chain?.stop(); });

const settings = (contract, changes = {}) => ({ RPC_URL: chain.url, CHAIN_ID: '31337', CONTRACT_MODEL_REGISTRY: contract, ...changes });
const forgetAnswer = () => fs.rmSync(manifestOf(model).replace('.manifest.json', '.registry.json'), { force: true });

// Serves, and says what /version and /v1/models tell; or the error of a start that was refused.
async function start(mode, env) {
    let node;
    try {
        node = await startNode(['--model', model, '--require-model-validation', mode], env);
    } catch (error) {
        return { refused: String(error) };
    }
    const { provenance } = await (await fetch(`${node.origin}/version`)).json();
    const card = (await (await fetch(`${node.url}/models`)).json()).data[0];
    assert.deepEqual(card.provenance, provenance, '/version and /v1/models agree');
    const log = node.log();
    await node.stop();
    return { provenance, log };
}

const situations = {
    identical: { env: () => settings(identical), registry: 'identical', verified: true },
    'another hash': { env: () => settings(different), registry: 'different' },
    absent: { env: () => settings(absent), registry: 'absent' },
    'no endpoint answers': { env: () => settings(identical, { RPC_URL: 'http://127.0.0.1:1' }), registry: 'unreachable' },
    'the endpoint answers garbage': { env: () => settings(identical, { RPC_URL: `http://127.0.0.1:${garbage.address().port}` }), registry: 'unreachable' },
    'another chain': { env: () => settings(identical, { CHAIN_ID: '1' }), registry: 'unusable' },
    'no contract there': { env: () => settings('0x00000000000000000000000000000000000000aa'), registry: 'unusable' },
};

for (const [name, situation] of Object.entries(situations)) {
    test(`off, ${name}: serves, asks nobody, and says so`, async () => {
        const { provenance } = await start('off', situation.env());
        assert.equal(provenance.registry, 'not asked');
        assert.equal(provenance.verified, false);
        assert.equal(provenance.composite_sha256, composite, 'the manifest is believed');
        assert.equal(provenance.hashes_from, 'manifest');
        assert.equal(provenance.model_id, keccak256(toBytes(`${repository}/${path.basename(model)}`)));
    });
    test(`warn, ${name}: serves and warns`, async () => {
        forgetAnswer();
        const { provenance, log, refused } = await start('warn', situation.env());
        assert.equal(refused, undefined);
        assert.equal(provenance.registry, situation.registry);
        assert.equal(provenance.verified, situation.verified === true);
        assert.equal(/the model is not validated/.test(log), !situation.verified, log);
    });
    test(`require, ${name}: ${situation.verified ? 'serves' : 'refuses'}`, async () => {
        forgetAnswer();
        const { provenance, refused } = await start('require', situation.env());
        if (situation.verified) assert.equal(provenance.verified, true);
        else assert.match(refused ?? 'it served', /the model is not validated/);
    });
}

test('unreachable after an identical answer: that answer stands, with its age, for seven days and these bytes alone', async () => {
    forgetAnswer();
    const dead = settings(identical, { RPC_URL: 'http://127.0.0.1:1' });
    assert.equal((await start('require', settings(identical))).provenance.verified, true);
    const { provenance } = await start('require', dead);
    assert.equal(provenance.verified, true);
    assert.equal(provenance.registry, 'unreachable');
    assert.match(provenance.detail, /last identical answer is 0 h old/);
    // Another registry's answer, or an older one, does not count; nor does a kept one when the endpoint is on another chain.
    assert.match((await start('require', { ...dead, CONTRACT_MODEL_REGISTRY: different })).refused, /never asked/);
    const kept = manifestOf(model).replace('.manifest.json', '.registry.json');
    const answer = JSON.parse(fs.readFileSync(kept));
    fs.writeFileSync(kept, JSON.stringify({ ...answer, checked_at: answer.checked_at - 8 * 86400 }));
    assert.match((await start('require', dead)).refused, /192 h old/);
    fs.writeFileSync(kept, JSON.stringify(answer));
    assert.match((await start('require', settings(identical, { CHAIN_ID: '1' }))).refused, /serves chain 31337/);
});

test('one flipped bit in the last part: hashed again, and refused', async () => {
    const parts = fs.readdirSync(folder).filter((name) => name.endsWith('.gguf')).sort();
    const last = path.join(folder, parts.at(-1));
    const file = fs.openSync(last, 'r+');
    const at = fs.statSync(last).size - 5, byte = Buffer.alloc(1);
    fs.readSync(file, byte, 0, 1, at);
    byte[0] ^= 1;
    fs.writeSync(file, byte, 0, 1, at);
    const { refused } = await start('require', settings(identical));
    byte[0] ^= 1;
    fs.writeSync(file, byte, 0, 1, at);
    fs.closeSync(file);
    assert.match(refused ?? 'it served', /the model is not validated/);
});
