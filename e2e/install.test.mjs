// `cmake --install`: what it puts where, and the service's command with the settings it begins with.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { spawnSync } from 'node:child_process';
import { startNode } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;
const build = path.join(root, 'build/release');
const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'install-'));
test.after(() => fs.rmSync(prefix, { recursive: true, force: true }));

test('an installed node has all that the package promises, and serves by its unit\'s command', { skip: process.env.GPT_OSS_NODE !== undefined }, async () => {
    const installed = spawnSync('cmake', ['--install', build, '--prefix', prefix], { encoding: 'utf8' });
    assert.equal(installed.status, 0, installed.stderr);
    const read = (file) => fs.readFileSync(path.join(prefix, file));
    assert.match(read('share/bash-completion/completions/gpt-oss-node').toString(), /complete .*gpt-oss-node/);
    assert.match(read('share/zsh/vendor-completions/_gpt-oss-node').toString(), /#compdef/);
    assert.match(read('share/fish/vendor_completions.d/gpt-oss-node.fish').toString(), /complete -c gpt-oss-node/);
    assert.match(zlib.gunzipSync(read('share/man/man1/gpt-oss-node.1.gz')).toString(), /\.SS serve/);
    assert.match(read('share/doc/gpt-oss-node/examples/settings.env').toString(), /MODEL_PATH=/);
    for (const document of ['README.md', 'deployment.md', 'openapi.json', 'copyright']) assert.ok(read(`share/doc/gpt-oss-node/${document}`).length > 0);

    const unit = read('lib/systemd/system/gpt-oss-node.service').toString();
    assert.doesNotMatch(unit, /\/usr\/local/);
    const settings = path.join(prefix, 'share/gpt-oss-node/settings.env');
    const command = (name) => unit.match(new RegExp(`^${name}=(.*)$`, 'm'))[1].replace('/etc/gpt-oss-node/settings.env', settings).split(' ');
    const [program, ...check] = command('ExecStartPre');
    assert.equal(program, path.join(prefix, 'bin/gpt-oss-node'));
    const checked = spawnSync(program, check, { cwd: '/', env: { PATH: process.env.PATH }, encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
    assert.match(checked.stdout, /GPTOSS_HOST\s+127\.0\.0\.1/);
    const [, , ...start] = command('ExecStart');   // without the program and `serve`, which startNode gives
    const node = await startNode(start, {}, program);
    assert.equal((await (await fetch(`${node.url}/models`)).json()).data[0].id, 'gpt-oss-demo');
    assert.equal(await node.stop(), 0);
});
