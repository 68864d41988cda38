// Model files as llama.cpp's converter and quantiser wrote them, from one small checkpoint: those that can be computed are, the
// others are refused before anything is served. data/model_files.tar.xz holds them; tokens.json is what they are asked.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { binary } from './support/node.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'model-files-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const unpacked = spawnSync('tar', ['-xJf', new URL('data/model_files.tar.xz', import.meta.url).pathname, '-C', folder], { encoding: 'utf8' });
assert.equal(unpacked.status, 0, unpacked.stderr);

function logitsOf(name, more = []) {
    const out = path.join(folder, `${name}.f32`);
    const { status, stderr } = spawnSync(binary, ['logits', '--model', path.join(folder, `${name}.gguf`), '--tokens', path.join(folder, 'tokens.json'),
        '--last', '4', '--out', out, ...more], { encoding: 'utf8' });
    if (status !== 0) return { status, stderr };
    const bytes = fs.readFileSync(out);
    return { status, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
}
const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const distance = (a, b) => norm(a.map((value, i) => value - b[i])) / norm(b);

const plain = logitsOf('00-good').values;

test('what is written otherwise and means the same computes the same', () => {
    assert.ok(norm(plain) > 0);
    for (const same of ['03-fuse-qkv', '08-arrays-of-equal-values'])
        assert.deepEqual(logitsOf(same).values, plain, same);
});

test('a key that changes the arithmetic is obeyed', () => {
    const changed = distance(logitsOf('05-rope-attn-factor').values, plain);
    assert.ok(changed > 0.1, `${changed}`);
});

test('the types that published quantisations use are computed as the exact reference computes them', () => {
    for (const name of ['09-IQ3_XXS', '10-TQ1_0']) {
        const exact = logitsOf(name, ['--exact']).values;
        assert.ok(distance(logitsOf(name).values, exact) < 0.05, name);
        // Three bits a weight are not 32, but they are not noise either: two random vectors are 1.4 apart.
        assert.ok(distance(exact, plain) < 1, name);
    }
});

test('what cannot be computed is refused, with the reason and a way out', () => {
    for (const [name, reason, hint] of [
        ['01-fewer-tokens-than-rows', /has 1021 tokens, but token_embd\.weight has 1088 rows/, /made for another program/],
        ['02-more-tokens-than-rows', /has 1089 tokens, but token_embd\.weight has 1088 rows/, /made for another program/],
        ['04-rope-freq-base-swa', /gpt-oss\.rope\.freq_base_swa is 10000\.0; this node computes with 150000\.0/, /Use a GGUF of the published model/],
    ]) {
        const { status, stderr } = logitsOf(name);
        assert.notEqual(status, 0, name);
        assert.match(stderr, reason);
        assert.match(stderr, hint);
        const served = spawnSync(binary, ['serve', '--port', '0', '--model', path.join(folder, `${name}.gguf`)], { encoding: 'utf8', timeout: 60_000 });
        assert.notEqual(served.status, 0, `${name} is not served`);
        assert.match(served.stderr, reason);
    }
});
