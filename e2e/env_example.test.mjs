// .env.prod.example names every setting once and is accepted by the node.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { binary } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;
const example = path.join(root, '.env.prod.example');
const model = path.join(root, 'models/demo/gpt-oss-demo-00001-of-00003.gguf');

test('.env.prod.example has every setting of the table, and none beside them', () => {
    const table = execFileSync(binary, ['serve', '--settings-markdown'], { encoding: 'utf8' });
    const settings = [...table.matchAll(/^\| `([A-Z0-9_]+)`/gm)].map((match) => match[1]);
    const named = [...fs.readFileSync(example, 'utf8').matchAll(/^#?([A-Z0-9_]+)=/gm)].map((match) => match[1]);
    const wanted = settings.map((name) => (named.includes(`${name}_FILE`) ? `${name}_FILE` : name));
    assert.deepEqual(named, wanted, 'see scripts/make-env-example.mjs');
});

test('.env.prod.example passes --check-config, in both spellings', () => {
    const env = { PATH: process.env.PATH };
    for (const words of [['serve', '--check-config'], ['--check-config']]) {
        // The model it names is not on every machine; a card is not either.
        const result = spawnSync(binary, [...words, '--env-file', example, '--model', model, '--gpu-layers', '0'], { env, encoding: 'utf8' });
        assert.equal(result.status, 0, result.stderr);
        assert.match(result.stdout, /MAX_CONTEXT_LENGTH\s+8192\s+\(\.env\.prod\.example line \d+\)/);
    }
    const wrong = spawnSync(binary, ['--check-config', '--port', 'many'], { env, cwd: '/', encoding: 'utf8' });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /API_PORT/);
});

test('the deploy script keeps every secret of the table out of what is handed around', () => {
    const table = execFileSync(binary, ['serve', '--settings-markdown'], { encoding: 'utf8' });
    const secrets = [...table.matchAll(/^\| `([A-Z0-9_]+)` \|\s*\|/gm)].map((match) => match[1]);   // those without a flag
    assert.ok(secrets.includes('HOST_PRIVATE_KEY') && secrets.includes('GPTOSS_ADMIN_KEY'));
    const script = fs.readFileSync(path.join(root, 'scripts/lib/deploy/settings.sh'), 'utf8');
    assert.deepEqual(script.match(/^secret_names='(.*)'$/m)[1].split(' ').sort(), secrets.sort());
});

test('.env.prod, which holds a site\'s own values, is ignored by git', () => {
    const result = spawnSync('git', ['check-ignore', '--quiet', '.env.prod'], { cwd: root });
    assert.ok(result.status === 0 || result.error || result.status === 128);
});
