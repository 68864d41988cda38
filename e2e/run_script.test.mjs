// What ./run and the other scripts decide before they build or fetch anything, and ./run MODEL against a model host.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { binary } from './support/node.mjs';
import { startModelHost } from './support/model_host.mjs';

const root = new URL('..', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'run-script-'));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

// A machine as scripts/lib/cuda_toolkit.sh sees it: PCI devices as [vendor, class], and programs by name.
function machine(name, devices, programs = {}) {
    const sys = path.join(folder, name);
    devices.forEach(([vendor, kind], i) => {
        const device = path.join(sys, 'bus/pci/devices', `0000:0${i}:00.0`);
        fs.mkdirSync(device, { recursive: true });
        fs.writeFileSync(path.join(device, 'vendor'), `${vendor}\n`);
        fs.writeFileSync(path.join(device, 'class'), `${kind}\n`);
    });
    const bin = path.join(sys, 'bin');
    fs.mkdirSync(bin, { recursive: true });
    for (const [program, output] of Object.entries(programs))
        fs.writeFileSync(path.join(bin, program), `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
    return (command) => spawnSync('bash', ['-euo', 'pipefail', '-c', `. scripts/lib/cuda_toolkit.sh; ${command}`],
        { cwd: root, encoding: 'utf8', env: { PATH: `${bin}:/usr/bin:/bin`, SYSFS: sys, PROCFS: sys } });
}
const nvidia = ['0x10de', '0x030200'];
const nvcc = (release) => `Cuda compilation tools, release ${release}.0, V${release}.0.88`;

test('./run finds NVIDIA cards, and nothing else', () => {
    assert.equal(machine('none', [['0x1002', '0x030000'], ['0x10de', '0x040300']])('has_nvidia_card').status, 1);   // the second is a sound device
    assert.equal(machine('card', [['0x8086', '0x020000'], nvidia])('has_nvidia_card').status, 0);
});

test('./run says what to install where there is a card without toolkit or driver', () => {
    for (const [name, programs, complaints, silent] of [
        ['bare', {}, [/CUDA toolkit 13 \(no nvcc/, /driver 580 or newer \(nvidia-smi does not answer/], /release/],
        ['old', { nvcc: nvcc(12), 'nvidia-smi': '570.86.10' }, [/nvcc here is of release 12/, /this machine has 570/], /no nvcc/],
        ['driver', { 'nvidia-smi': '580.65.06' }, [/no nvcc/], /driver 580/]]) {
        const result = machine(name, [nvidia], programs)('require_cuda_toolkit; echo built');
        assert.equal(result.status, 1);
        complaints.forEach((complaint) => assert.match(result.stderr, complaint));
        assert.doesNotMatch(result.stderr, silent);
        assert.match(result.stderr, /apt-get install cuda-nvcc-13-0/);
        assert.match(result.stderr, /\.\/run --cpu/);
        assert.equal(result.stdout, '');
    }
    const whole = machine('whole', [nvidia], { nvcc: nvcc(13), 'nvidia-smi': '580.65.06' })('require_cuda_toolkit; echo built');
    assert.equal(whole.stdout, 'built\n');
});

test('./run builds for the cards of the machine', () => {
    const architectures = (caps) => machine(`caps-${caps.length}-${caps[0]}`, [nvidia], { 'nvidia-smi': caps.join('\n') })('architectures_here').stdout.trim();
    assert.equal(architectures(['9.0']), '90a');
    assert.equal(architectures(['12.0', '8.9', '12.0']), '120;89');
});

// fetch_model in a folder of its own, as ./run calls it.
function fetchModel(name, yes, host, input) {
    const home = fs.mkdtempSync(path.join(folder, 'fetch-'));
    return new Promise((resolve) => {
        const child = spawn('bash', ['-euo', 'pipefail', '-c', `. ${root}/scripts/lib/fetch_model.sh; fetch_model ${name} ${yes}; echo "serve $model_path"`],
            { cwd: home, env: { PATH: process.env.PATH, GPT_OSS_NODE: binary, HF_ENDPOINT: host } });
        let stdout = '', stderr = '';
        child.stdout.on('data', (data) => { stdout += data; });
        child.stderr.on('data', (data) => { stderr += data; });
        child.stdin.on('error', () => {});   // it may have ended without reading
        child.stdin.end(input ?? '');
        child.on('close', (status) => resolve({ status, stdout, stderr, home }));
    });
}
const demo = Object.fromEntries([1, 2, 3].map((part) => [`gpt-oss-demo-0000${part}-of-00003.gguf`,
    fs.readFileSync(path.join(root, `models/demo/gpt-oss-demo-0000${part}-of-00003.gguf`))]));

test('./run MODEL asks, fetches, verifies, and the second time only serves', async () => {
    const host = await startModelHost(demo);
    try {
        const name = 'owner/demo-GGUF/gpt-oss-demo-00001-of-00003.gguf';
        const unasked = await fetchModel(name, 'no', host.url);
        assert.equal(unasked.status, 1);
        assert.match(unasked.stderr, /--yes fetches without asking/);
        assert.equal(host.requests.length, 0);
        const fetched = await fetchModel(name, 'yes', host.url);
        assert.equal(fetched.status, 0, fetched.stderr);
        assert.match(fetched.stdout, /GB are free/);
        assert.match(fetched.stdout, /VERIFIED: every byte is as in the manifest/);
        assert.match(fetched.stdout, /serve models\/demo-GGUF\/gpt-oss-demo-00001-of-00003\.gguf\n$/);
        const requests = host.requests.length;
        const again = spawnSync('bash', ['-euo', 'pipefail', '-c', `. ${root}/scripts/lib/fetch_model.sh; fetch_model ${name} no; echo "serve $model_path"`],
            { cwd: fetched.home, encoding: 'utf8', env: { PATH: process.env.PATH, GPT_OSS_NODE: binary } });
        assert.match(again.stdout, /^serve models/);
        assert.equal(host.requests.length, requests);
    } finally { await host.close(); }
});

test('./run gpt-oss-20b does not serve what the published hashes do not know', async () => {
    const host = await startModelHost({ 'gpt-oss-20b-mxfp4.gguf': fs.readFileSync(path.join(root, 'models/demo/gpt-oss-demo-00001-of-00003.gguf')) });
    try {
        const result = await fetchModel('gpt-oss-20b', 'yes', host.url);
        assert.notEqual(result.status, 0);
        assert.match(result.stdout, /takes 12\.1 GB of disk/);
        assert.doesNotMatch(result.stdout, /^serve/m);
        const unknown = await fetchModel('gpt-oss-21b', 'yes', host.url);
        assert.match(unknown.stderr, /known by name: gpt-oss-20b, gpt-oss-120b/);
    } finally { await host.close(); }
});

test('scripts find the build that exists, and an installed node', () => {
    const tree = path.join(folder, 'tree');
    fs.mkdirSync(path.join(tree, 'scripts/lib'), { recursive: true });
    fs.copyFileSync(path.join(root, 'scripts/lib/find_node.sh'), path.join(tree, 'scripts/lib/find_node.sh'));
    const found = (env = {}) => spawnSync('bash', ['-euo', 'pipefail', '-c', '. scripts/lib/find_node.sh; echo "$node"'],
        { cwd: tree, encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...env } });
    assert.equal(found().status, 2);
    assert.match(found().stderr, /build it with \.\/run/);
    const add = (file) => {
        fs.mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
        fs.writeFileSync(path.join(tree, file), '#!/bin/sh\n', { mode: 0o755 });
        return path.join(tree, file);
    };
    const installed = add('bin/gpt-oss-node');
    const PATH = `${path.dirname(installed)}:/usr/bin:/bin`;
    assert.equal(found({ PATH }).stdout.trim(), installed);
    const release = add('build/release/gpt-oss-node');
    assert.equal(found({ PATH }).stdout.trim(), release);
    const cuda = add('build/cuda/gpt-oss-node');
    assert.equal(found({ PATH }).stdout.trim(), cuda);
    assert.equal(found({ GPT_OSS_NODE: installed }).stdout.trim(), installed);
    assert.match(found({ GPT_OSS_NODE: '/nowhere' }).stderr, /at \/nowhere/);
});
