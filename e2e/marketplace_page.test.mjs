// The commands of docs/marketplace.md, pasted one after the other.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { freePort } from './support/local_chain.mjs';
import { binary } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;

test('from a fresh host to the first paid session', async () => {
    const page = fs.readFileSync(path.join(root, 'docs/marketplace.md'), 'utf8');
    const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]).join('\n');
    assert.ok(commands.includes('earnings withdraw'));
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-page-'));
    const tools = path.join(folder, 'bin');
    fs.mkdirSync(tools);
    fs.symlinkSync(binary, path.join(tools, 'gpt-oss-node'));
    const shell = spawn('bash', ['-e', '-c', `trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\ncd '${root}'\n${commands.replaceAll('market/', `${folder}/`)}`],
        { env: { PATH: `${tools}:${process.env.PATH}`, HOME: folder, DEMO_PORT: String(await freePort()) }, detached: true });
    let output = '';
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (data) => { output += data; });
    const timer = setTimeout(() => process.kill(-shell.pid, 'SIGKILL'), 90_000);
    const code = await new Promise((resolve) => { shell.once('close', resolve); });
    clearTimeout(timer);
    fs.rmSync(folder, { recursive: true, force: true });
    assert.equal(code, 0, output);
    assert.match(output, /settled: \d+ tokens are paid/);
    assert.match(output, /Dry run/);
});
