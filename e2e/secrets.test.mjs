// Planted secrets must show up nowhere: logs, replies, --check-config, errors, /proc, core dumps.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { binary, startNode } from './support/node.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-secrets-'));
const secrets = {
    host: `0x${'5ec2e7'.repeat(10)}a11c`, owner: `0x${'0badcafe'.repeat(8)}`, api: 'sk-planted-api-key-0123456789', admin: 'planted-admin-key-0123456789',
    hub: 'hf_plantedTokenOfTheHub0123456789', rpc: 'planted-rpc-path-key-0123', seed: 'planted seed phrase of many words',
};
const write = (name, text) => {
    const file = path.join(folder, name);
    fs.writeFileSync(file, text, { mode: 0o600 });
    return file;
};
const env = {
    HOST_PRIVATE_KEY_FILE: write('host', secrets.host), OWNER_PRIVATE_KEY_FILE: write('owner', secrets.owner), GPTOSS_ADMIN_KEY_FILE: write('admin', secrets.admin),
    S5_SEED_PHRASE_FILE: write('seed', secrets.seed), RPC_URL_FILE: write('rpc', `http://127.0.0.1:1/v2/${secrets.rpc}`),
    GPTOSS_API_KEYS_FILE: write('keys', `${secrets.api}\n`), HF_TOKEN: secrets.hub, CHAIN_ID: '31337',
    CONTRACT_MODEL_REGISTRY: '0x00000000000000000000000000000000000000aa', REQUIRE_MODEL_VALIDATION: 'warn', GPTOSS_LOG_LEVEL: 'debug',
};

// A piece of it is enough to be a leak.
function assertClean(text, where) {
    for (const [name, secret] of Object.entries(secrets)) {
        const piece = secret.replace(/^0x/, '').slice(0, 16).toLowerCase();
        assert.ok(!text.toLowerCase().includes(piece), `${where} shows the planted ${name}`);
    }
}
function run(args, changes = {}) {
    const { stdout, stderr, status } = spawnSync(binary, args, { encoding: 'utf8', cwd: '/', env: { PATH: process.env.PATH, ...env, ...changes } });
    return { text: stdout + stderr, status };
}

test('--check-config names the secrets that are set and shows none', () => {
    const { text, status } = run(['serve', '--check-config']);
    assert.equal(status, 0, text);
    assert.match(text, /HOST_PRIVATE_KEY/);
    assertClean(text, '--check-config');
});

test('wrong values are errors that do not quote a secret', () => {
    const wrong = write('wrong', secrets.api + secrets.host);
    for (const name of ['HOST_PRIVATE_KEY_FILE', 'OWNER_PRIVATE_KEY_FILE'])
        for (const args of [['serve', '--check-config'], ['register', '--release', 'gpt-oss-120b', '--send']])
            assertClean(run(args, { [name]: wrong }).text, `${args[0]} with a wrong ${name}`);
    assertClean(run(['register', '--release', 'gpt-oss-120b']).text, 'register with a dead endpoint');
    assertClean(run(['serve', '--check-config', '--port', 'many']).text, 'an error beside secrets');
    assertClean(run(['download', 'owner/repo/x.gguf', '--to', folder], { HF_ENDPOINT: 'http://127.0.0.1:1' }).text, 'download');
});

test('a running node: log, replies, command line, and no core dumps or readable memory', async () => {
    const node = await startNode(['--require-model-validation', 'warn'], env);
    const asBearer = (key) => ({ headers: { authorization: `Bearer ${key}` } });
    for (const key of [secrets.api, `${secrets.api}x`])
        for (const path of ['/v1/models', '/v1/status', '/version', '/metrics', '/v1/receipts/x', '/nothing'])
            assertClean(await (await fetch(`${node.origin}${path}`, asBearer(key))).text(), path);
    await (await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 }, asBearer(secrets.api))).text();
    const proc = (name) => fs.readFileSync(`/proc/${node.child.pid}/${name}`, 'utf8');
    assertClean(proc('cmdline'), '/proc/PID/cmdline');
    assert.match(proc('limits'), /^Max core file size +0 +0 /m);
    // The kernel gives the files in /proc of a process that may not be dumped to root.
    if (process.getuid() !== 0) assert.equal(fs.statSync(`/proc/${node.child.pid}/environ`).uid, 0);
    await node.stop();
    assertClean(node.log(), 'the log');
    fs.rmSync(folder, { recursive: true, force: true });
});
