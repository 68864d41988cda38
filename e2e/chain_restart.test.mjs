// What is said of a registration when the chain below it restarts: with its state, without it, and while it is away.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { spawn } from 'node:child_process';
import { startChain, ownerKey } from './support/local_chain.mjs';
import { binary, startNode } from './support/node.mjs';

const repository = 'owner/demo';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-restart-'));
const demo = new URL('../models/demo/', import.meta.url).pathname;
const parts = fs.readdirSync(demo).filter((name) => name.endsWith('.gguf')).sort();
const model = path.join(folder, parts[0]);
const manifest = model.replace(/-00001-of-\d+\.gguf$/, '.manifest.json');
const state = path.join(folder, 'state.json');
let chain, settings, composite;

before(async () => {
    for (const part of parts) fs.copyFileSync(path.join(demo, part), path.join(folder, part));
    const { code, output } = await run('verify', ['--model', model, '--write-manifest']);
    assert.equal(code, 0, output);
    // As text: the nanoseconds in it are larger than JavaScript's numbers are exact.
    const text = fs.readFileSync(manifest, 'utf8').replace(/"repository": "[^"]*"/, `"repository": "${repository}"`);
    fs.writeFileSync(manifest, text);
    composite = JSON.parse(text).composite_sha256;
    chain = await startChain();
    const { address } = await chain.deploy('ModelRegistry');
    settings = { RPC_URL: chain.url, CHAIN_ID: '31337', CONTRACT_MODEL_REGISTRY: address, OWNER_PRIVATE_KEY: ownerKey };
});
after(async () => {
    await chain?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

function run(subcommand, args, env = settings) {
    return new Promise((resolve) => {
        const child = spawn(binary, [subcommand, ...args], { cwd: '/', env: { PATH: process.env.PATH, ...env } });
        let output = '';
        child.stdout.on('data', (d) => { output += d; });
        child.stderr.on('data', (d) => { output += d; });
        child.on('close', (code) => resolve({ code, output }));
    });
}
const register = (...args) => run('register', ['--repository', repository, '--file', parts[0], '--composite', composite, ...args]);
const nonce = () => chain.reader.getTransactionCount({ address: chain.owner.account.address });

// The chain again at the same place, empty or with the state that was kept.
async function restart(args = []) {
    const { port } = chain;
    await chain.stop();
    chain = await startChain(args, port);
}

// What `--load-state` reads. anvil_dumpState gives the same text as gzip in hexadecimal.
async function dump() {
    const hex = await chain.control.dumpState();
    return gunzipSync(Buffer.from(hex.slice(2), 'hex'));
}

// What a starting node says of the model in every mode; an answer kept from an earlier start does not count.
async function assertNodesSay(registry, { keepAnswer = false } = {}) {
    for (const mode of ['warn', 'require']) {
        if (!keepAnswer) fs.rmSync(manifest.replace('.manifest.json', '.registry.json'), { force: true });
        const start = startNode(['--model', model, '--require-model-validation', mode], settings);
        if (mode === 'require' && registry !== 'identical') {
            await assert.rejects(start, /the model is not validated/);
            continue;
        }
        const node = await start;
        const { provenance } = await (await fetch(`${node.origin}/version`)).json();
        await node.stop();
        assert.equal(provenance.registry, registry, provenance.detail);
        assert.equal(provenance.verified, registry === 'identical');
    }
}

// The files are what they are, whatever the chain is: verify asks no chain and says none was asked.
async function assertFilesVerify() {
    const { code, output } = await run('verify', ['--model', model, '--expect', composite]);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /regist/i);
}

test('registered: said by register and by a starting node', async () => {
    const sent = await register('--send');
    assert.equal(sent.code, 0, sent.output);
    fs.writeFileSync(state, await dump());
    await assertNodesSay('identical');
    await assertFilesVerify();
});

test('restarted with its state: still registered, and registering again sends nothing', async () => {
    await restart(['--load-state', state]);
    const before = await nonce();
    assert.ok(before >= 2, 'the state was loaded');
    for (const args of [[], ['--send']]) {
        const { code, output } = await register(...args);
        assert.equal(code, 0, output);
        assert.match(output, /entry +identical/);
        assert.match(output, /Nothing to do/);
    }
    assert.equal(await nonce(), before);
    await assertNodesSay('identical');
    await assertFilesVerify();
});

test('away: nobody answered, which is neither absent nor registered', async () => {
    await chain.stop();
    const { code, output } = await register();
    assert.equal(code, 1, output);
    assert.match(output, /no RPC endpoint answered/);
    assert.doesNotMatch(output, /entry +(absent|identical)/);
    await assertNodesSay('unreachable');
    await assertFilesVerify();
    chain = await startChain([], chain.port);
});

test('restarted empty: no contract stands there, which register and a node say', async () => {
    const { code, output } = await register('--send');
    assert.equal(code, 1, output);
    assert.match(output, /no contract/);
    assert.equal(await nonce(), 0, 'nothing was sent into the void');
    await assertNodesSay('unusable');
    await assertFilesVerify();
});

test('the registry deployed anew, at the same address: the entry is absent, would be registered, and is', async () => {
    assert.equal((await chain.deploy('ModelRegistry')).address, settings.CONTRACT_MODEL_REGISTRY);
    const before = await nonce();
    const dry = await register();
    assert.equal(dry.code, 3, dry.output);
    assert.match(dry.output, /entry +absent/);
    assert.equal(await nonce(), before);
    await assertNodesSay('absent');
    const sent = await register('--send');
    assert.equal(sent.code, 0, sent.output);
    assert.match(sent.output, /entry +identical/);
    assert.equal(await nonce(), before + 1);
    await assertNodesSay('identical');
});

test('an identical answer that was kept does not outlive an empty chain: the chain that answers is believed', async () => {
    await assertNodesSay('identical', { keepAnswer: true });
    await restart();
    await chain.deploy('ModelRegistry');
    await assertNodesSay('absent', { keepAnswer: true });
    await assertFilesVerify();
});
