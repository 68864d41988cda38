// The files of a model change behind the node: before it starts, while it loads, while it serves. What is signed is what
// was loaded, and no change ends the process by a signal.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { binary, startNode, waitFor } from './support/node.mjs';

const demo = new URL('../models/demo/', import.meta.url).pathname;

function copyModel(t) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-weights-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    for (const file of fs.readdirSync(demo).filter((name) => name.endsWith('.gguf'))) fs.copyFileSync(path.join(demo, file), path.join(folder, file));
    const part = (number) => path.join(folder, fs.readdirSync(folder).find((name) => name.includes(`0000${number}-of-`) && name.endsWith('.gguf')));
    const manifest = part(1).replace(/-00001-of-\d+\.gguf$/, '.manifest.json');
    return { folder, part, manifest, arguments: ['--model', part(1), '--context', '2048', '--receipts', 'on', '--receipts-path', path.join(folder, 'receipts.sqlite')] };
}
const env = { HOST_PRIVATE_KEY: `0x${'11'.repeat(32)}` };
const provenanceOf = async (node) => (await (await fetch(`${node.origin}/version`)).json()).provenance;
const ask = (node) => node.post('/v1/completions', { prompt: 'a', max_tokens: 3, temperature: 0 });

// Other bytes in the same place, the modification time put back.
function tamper(file) {
    const { mtimeNs } = fs.statSync(file, { bigint: true });
    const handle = fs.openSync(file, 'r+');
    fs.writeSync(handle, Buffer.alloc(1000, 7), 0, 1000, 3_000_000);
    fs.closeSync(handle);
    // To the nanosecond, which utimes of Node.js cannot.
    const { status } = spawnSync('touch', ['-m', '-d', `@${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, '0')}`, file]);
    assert.equal(status, 0);
    assert.equal(fs.statSync(file, { bigint: true }).mtimeNs, mtimeNs);
}

test('overwritten in place with its time put back: hashed again at the start, signed under its own hash', async (t) => {
    const model = copyModel(t);
    const first = await startNode(model.arguments, env);
    const genuine = (await provenanceOf(first)).composite_sha256;
    await first.stop();
    tamper(model.part(2));
    const node = await startNode(model.arguments, env);
    t.after(() => node.stop());
    const provenance = await provenanceOf(node);
    assert.equal(provenance.hashes_from, 'hashed at start');
    assert.notEqual(provenance.composite_sha256, genuine);
    const reply = await (await ask(node)).json();
    const receipt = await (await fetch(`${node.url}/receipts/${reply.id}`)).json();
    assert.equal(receipt.message.compositeHash, `0x${provenance.composite_sha256}`);
});

test('a start that believed its manifest is made good for in the background', async (t) => {
    const model = copyModel(t);
    await (await startNode(model.arguments, env)).stop();
    const node = await startNode(model.arguments, env);
    t.after(() => node.stop());
    assert.equal((await provenanceOf(node)).hashes_from, 'manifest');
    await waitFor(() => /hashed again: every part is what its manifest says/.test(node.log()), undefined, node.log);
    assert.equal((await fetch(`${node.origin}/ready`)).status, 200);
    assert.ok(fs.existsSync(model.manifest));
});

test('other bytes under stamps that agree, as with a clock set back: not ready, nothing served, nothing signed', async (t) => {
    const model = copyModel(t);
    await (await startNode(model.arguments, env)).stop();
    tamper(model.part(2));
    const { mtimeNs, ctimeNs } = fs.statSync(model.part(2), { bigint: true });
    let at = 0;  // the second part's entry
    const put = (text, name, value) => { at = 0; return text.replace(new RegExp(`"${name}": \\d+`, 'g'), (all) => (++at === 2 ? `"${name}": ${value}` : all)); };
    fs.writeFileSync(model.manifest, put(put(fs.readFileSync(model.manifest, 'utf8'), 'modified_ns', mtimeNs), 'changed_ns', ctimeNs));
    // A small model is hashed again so soon that nobody may see it ready.
    const node = await startNode(model.arguments, env, binary, (status) => status === 'distrusted');
    t.after(() => node.stop());
    assert.equal((await provenanceOf(node)).hashes_from, 'manifest');
    assert.equal((await fetch(`${node.origin}/ready`)).status, 503);
    const state = await (await fetch(`${node.origin}/ready`)).json();
    assert.equal(state.status, 'distrusted');
    assert.match(state.failure, /00002-of-00003/);
    const refused = await ask(node);
    assert.equal(refused.status, 503);
    assert.match((await refused.json()).error.message, /not those of their hash/);
    assert.equal((await fetch(`${node.origin}/health`)).status, 200);
    assert.ok(!fs.existsSync(model.manifest), 'the next start hashes first');
});

test('cut short while served: the answers are those of before', async (t) => {
    const model = copyModel(t);
    const node = await startNode(model.arguments, env);
    t.after(() => node.stop());
    const before = await (await ask(node)).json();
    for (const number of [1, 2, 3]) fs.truncateSync(model.part(number), 10);
    const after = await (await ask(node)).json();
    assert.equal(after.choices[0].text, before.choices[0].text);
    assert.equal((await node.post('/tokenize', { content: 'hello world' })).status, 200);
});

test('cut short while it is loaded: an error, never a signal', async (t) => {
    const model = copyModel(t);
    const whole = fs.readFileSync(model.part(3));
    for (const wait_ms of [0, 5, 10, 15, 20, 30, 40, 60, 80, 120]) {
        fs.writeFileSync(model.part(3), whole);
        const child = spawn(binary, ['serve', '--port', '0', ...model.arguments], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
        let log = '';
        child.stderr.on('data', (data) => { log += data; });
        const exited = once(child, 'exit');
        await new Promise((resolve) => setTimeout(resolve, wait_ms));
        fs.truncateSync(model.part(3), 100);
        const outcome = await Promise.race([exited, waitFor(() => /ready: POST/.test(log), () => child.exitCode !== null || child.signalCode !== null).then(() => 'ready', () => 'neither')]);
        if (outcome === 'ready') child.kill('SIGTERM');
        const [code, signal] = await exited;
        assert.equal(signal, null, `after ${wait_ms} ms: ${log}`);
        if (outcome !== 'ready') assert.ok(code > 0 && code < 128, `after ${wait_ms} ms: ${code} ${log}`);
    }
});
