// `gpt-oss-node download` against a host that drops, lies, changes and refuses: identical bytes every time, or a clear
// error, and never a wrong file under the final name.
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { startModelHost } from './support/model_host.mjs';

const binary = process.env.GPT_OSS_NODE ?? new URL('../build/release/gpt-oss-node', import.meta.url).pathname;
const names = [1, 2, 3].map((i) => `m-0000${i}-of-00003.gguf`);
const makeFiles = () => Object.fromEntries(names.map((name, i) => [name, crypto.randomBytes(400_000 + 300_000 * i)]));

class Run {
    constructor(host, folder, { args = [], env = {}, what = `owner/repo/${names[1]}`, onChild } = {}) {
        this.folder = folder;
        this.done = new Promise((resolve) => {
            const child = spawn(binary, ['download', what, '--to', folder, '--backoff-ms', '5', ...args],
                { env: { PATH: process.env.PATH, HF_ENDPOINT: host.url, ...env } });
            onChild?.(child);
            let stdout = '', stderr = '';
            child.stdout.on('data', (d) => { stdout += d; });
            child.stderr.on('data', (d) => { stderr += d; });
            child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
        });
    }
}

async function scenario(behaviour, check, options = {}) {
    const files = options.files ?? makeFiles();
    const host = await startModelHost(files, behaviour);
    const folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
    try {
        const result = await new Run(host, folder, options).done;
        await check({ ...result, files, host, folder });
        // The rule of the whole suite: whatever stands under a final name is right.
        for (const name of names) {
            const file = path.join(folder, name);
            if (fs.existsSync(file)) assert.ok(fs.readFileSync(file).equals(files[name]), `${name} is wrong under its final name`);
        }
    } finally {
        await host.close();
        if (!options.folder) fs.rmSync(folder, { recursive: true, force: true });
    }
}

function assertWhole({ code, stderr, folder, files, host }) {
    assert.equal(code, 0, stderr);
    for (const name of names) assert.ok(fs.readFileSync(path.join(folder, name)).equals(files[name]));
    const hashes = names.map((name) => host.sha256(files[name]));
    const composite = host.sha256(Buffer.from(hashes.join('')));
    assert.equal(fs.readFileSync(path.join(folder, 'm-composite-hash.txt'), 'utf8').trim(), composite);
    const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'm.manifest.json'), 'utf8'));
    assert.deepEqual(manifest.parts.map((part) => part.sha256), hashes);
    assert.equal(manifest.revision, 'c0ffee');
    assert.deepEqual(fs.readdirSync(folder).filter((name) => /\.(part|tmp|json)$/.test(name)), ['m.manifest.json']);
}

test('a calm host: all parts, hashes, manifest', () => scenario(() => ({}), assertWhole));
test('connections that drop again and again', () => scenario((r) => (r.count < 6 ? { cutAfter: 90_000 } : {}), (result) => {
    assertWhole(result);
    assert.ok(result.host.requests.some((r) => r.range > 0), 'it resumed with ranges');
}));
test('a Content-Length that lies', () => scenario((r) => (r.count === 0 ? { announceMore: 5000 } : {}), assertWhole));
test('more bytes than announced', () => scenario((r) => (r.count === 0 ? { appendBytes: 5000 } : {}), assertWhole));
test('a host without ranges', () => scenario((r) => (r.count < 2 ? { cutAfter: 100_000, ignoreRange: true } : { ignoreRange: true }), assertWhole));
test('a wrong Content-Range', () => scenario((r) => (r.count === 0 ? { cutAfter: 50_000 } : r.count === 1 ? { wrongRange: true } : {}), assertWhole));
test('content that changes between ranges, with a new entity tag', () => {
    const other = crypto.randomBytes(700_000);
    return scenario((r) => (r.name === names[1] && r.count === 0 ? { content: other, cutAfter: 100_000 } : {}), assertWhole);
});
test('content that changes between ranges under the same entity tag', () => {
    const other = crypto.randomBytes(700_000);
    return scenario((r) => (r.name === names[1] && r.count === 0 ? { content: other, cutAfter: 100_000, etag: '"same"' } : { etag: '"same"' }), assertWhole);
});
test('500, 503 and 429 pass by themselves', () => scenario((r) => [{ status: 500 }, { status: 503 }, { status: 429, headers: { 'retry-after': '0' } }][r.count] ?? {}, assertWhole));
for (const [status, word] of [[403, 'HF_TOKEN'], [401, 'HF_TOKEN'], [404, 'name']])
    test(`${status} is an error that says what to do`, () => scenario((r) => (r.name === names[2] ? { status } : {}), ({ code, stderr }) => {
        assert.notEqual(code, 0);
        assert.match(stderr, new RegExp(names[2]));
        assert.match(stderr, new RegExp(word));
    }));
test('a host that always sends other bytes', () => scenario((r) => (r.name === names[0] ? { content: crypto.randomBytes(400_000), etag: '"x"' } : {}), ({ code, stderr, folder }) => {
    assert.notEqual(code, 0);
    assert.match(stderr, /SHA-256/);
    assert.ok(!fs.existsSync(path.join(folder, names[0])));
    assert.ok(!fs.existsSync(path.join(folder, 'm.manifest.json')));
}));
test('a host that never gets anywhere', () => scenario(() => ({ cutAfter: 0 }), ({ code, stderr }) => {
    assert.notEqual(code, 0);
    assert.match(stderr, /gave up/);
}, { args: ['--attempts', '3'] }));
test('a disk that is too small is refused before the first byte', () => {
    const files = makeFiles();
    files[names[0]].claimedSize = 1e15;
    return scenario(() => ({}), ({ code, stderr, host }) => {
        assert.notEqual(code, 0);
        assert.match(stderr, /MB are needed/);
        assert.equal(host.requests.length, 0);
    }, { files });
});
test('a repository without one of the parts', () => {
    const files = makeFiles();
    delete files[names[2]];
    return scenario(() => ({}), ({ code, stderr }) => { assert.notEqual(code, 0); assert.match(stderr, new RegExp(names[2])); }, { files });
});
test('kill -9 in the middle, then again: it goes on', async () => {
    const files = Object.fromEntries(names.map((name) => [name, crypto.randomBytes(5_000_000)]));
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
    await scenario(() => ({}), ({ signal }) => assert.equal(signal, 'SIGKILL'),
        { files, folder, args: ['--limit', '3000000'], onChild: (child) => setTimeout(() => child.kill('SIGKILL'), 1500) });
    assert.ok(fs.readdirSync(folder).some((name) => name.endsWith('.part')), 'something was kept');
    await scenario(() => ({}), (result) => {
        assertWhole(result);
        assert.ok(result.host.requests.some((r) => r.range > 0), 'it went on where it was');
    }, { files, folder });
    fs.rmSync(folder, { recursive: true });
});
for (const [what, damage] of [['truncated', (file) => fs.truncateSync(file, 1000)], ['altered', (file) => { const b = fs.readFileSync(file); b[10] ^= 1; fs.writeFileSync(file, b); }]])
    test(`a kept part that was ${what} meanwhile`, async () => {
        const files = makeFiles();
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
        await scenario((r) => ({ cutAfter: r.count === 0 ? 50_000 : 0 }), ({ code }) => assert.notEqual(code, 0), { files, folder, args: ['--attempts', '2'] });
        damage(path.join(folder, `${names[2]}.part`));
        await scenario(() => ({}), assertWhole, { files, folder });
        fs.rmSync(folder, { recursive: true });
    });
test('what is there already is kept; a damaged file is fetched again', async () => {
    const files = makeFiles();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
    await scenario(() => ({}), assertWhole, { files, folder });
    await scenario(() => ({}), (result) => { assertWhole(result); assert.equal(result.host.requests.length, 0); }, { files, folder });
    const bytes = fs.readFileSync(path.join(folder, names[1]));
    bytes[5] ^= 1;
    fs.writeFileSync(path.join(folder, names[1]), bytes);
    await scenario(() => ({}), (result) => { assertWhole(result); assert.deepEqual(result.host.requests.map((r) => r.name), [names[1]]); }, { files, folder });
    fs.rmSync(folder, { recursive: true });
});
test('the token is sent and never printed', () => scenario(() => ({}), (result) => {
    assertWhole(result);
    assert.ok(result.host.requests.every((r) => r.authorization === 'Bearer hf_secret'));
    assert.ok(!(result.stdout + result.stderr).includes('hf_secret'));
}, { env: { HF_TOKEN: 'hf_secret' } }));
test('names with blanks, signs and letters beyond ASCII, in folders too', async () => {
    const odd = ['My Model+Q4 (x).gguf', 'a#b.gguf', 'q?x.gguf', '100%.gguf', 'größe.gguf', 'UD-Q4_K_XL/one & two.gguf'];
    const files = Object.fromEntries(odd.map((name) => [name, crypto.randomBytes(1000)]));
    const host = await startModelHost(files);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
    for (const name of odd) {
        const { code, stderr } = await new Run(host, folder, { what: `owner/repo/${name}` }).done;
        assert.equal(code, 0, `${name}: ${stderr}`);
        assert.ok(fs.readFileSync(path.join(folder, path.basename(name))).equals(files[name]), name);
    }
    for (const climbing of ['owner/repo/../x.gguf', 'owner/../repo/x.gguf', 'owner/repo/a//b.gguf', 'owner/repo/./x.gguf']) {
        const before = host.requests.length;
        const { code, stderr } = await new Run(host, folder, { what: climbing }).done;
        assert.notEqual(code, 0);
        assert.match(stderr, /has the part/, climbing);
        assert.equal(host.requests.length, before);
    }
    await host.close();
    fs.rmSync(folder, { recursive: true });
});
test('a part that starts again and again uses up its attempts', () => scenario((r) => (r.count % 2 === 0 ? { cutAfter: 100_000 } : { wrongRange: true }), ({ code, stderr, host }) => {
    assert.notEqual(code, 0);
    assert.match(stderr, /gave up/);
    assert.ok(host.requests.length <= 3 * 12, `${host.requests.length} requests`);
}, { args: ['--attempts', '5'] }));
test('a host without ranges that always ends early', () => scenario(() => ({ cutAfter: 100_000, ignoreRange: true }), ({ code, stderr }) => {
    assert.notEqual(code, 0);
    assert.match(stderr, /gave up/);
}, { args: ['--attempts', '3'] }));
for (const link of ['m-00001-of-00003.gguf.part', 'm-00001-of-00003.gguf.part.json.tmp', 'm-composite-hash.txt', 'm.manifest.json.tmp'])
    test(`a link under the name ${link} is not followed`, async () => {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'));
        const precious = path.join(folder, 'precious');
        fs.writeFileSync(precious, 'precious');
        fs.symlinkSync(precious, path.join(folder, link));
        await scenario(() => ({}), (result) => {
            if (link.endsWith('.part')) {
                assert.notEqual(result.code, 0);
                assert.match(result.stderr, /is a link/);
            } else {
                assertWhole(result);
            }
            assert.equal(fs.readFileSync(precious, 'utf8'), 'precious');
        }, { folder });
        fs.rmSync(folder, { recursive: true });
    });
