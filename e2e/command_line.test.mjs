// What a person meets at the command line: errors that say the next command, checks before anything is loaded, the chat.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { binary, endWithTest, startNode, waitFor } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;
const demo = path.join(root, 'models/demo');
const model = path.join(demo, 'gpt-oss-demo-00001-of-00003.gguf');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'command-line-'));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

const env = { PATH: process.env.PATH, HOME: folder };
const run = (args, options = {}) => spawnSync(binary, args, { env, cwd: folder, encoding: 'utf8', timeout: 60_000, ...options });

test('unknown subcommands and flags name the nearest', () => {
    for (const [args, expected] of [[['sevre'], /no subcommand sevre: did you mean serve\?/], [['chekc', '--url', 'x'], /did you mean check\?/],
        [['serve', '--prot', '9000'], /gpt-oss-node serve has no flag --prot: did you mean --port\?/], [['chat', '--efort=high'], /did you mean --effort\?/],
        [['frobnicate'], /no subcommand frobnicate\n`gpt-oss-node --help` lists them/], [['receipt', 'chek'], /did you mean check\?/],
        [['plan'], /gpt-oss-node plan --help/], [[], /gpt-oss-node --help/], [['tokenize', 'words', '--model', model], /does not take the word "words"/]]) {
        const result = run(args);
        assert.notEqual(result.status, 0, args.join(' '));
        assert.match(result.stderr, expected);
        assert.equal(result.stdout, '');
    }
    assert.match(run(['--help']).stdout, /serve/);
    assert.equal(run(['--version']).status, 0);
});

test('flags are checked before a model is loaded', () => {
    for (const args of [['chat', '--effort', 'enormous', 'hi'], ['chat', '--temperature', '9', 'hi'], ['chat', '--max-tokens', '-1', 'hi'],
        ['chat', '--url', 'http://127.0.0.1:1', '--model', model, 'hi']]) {
        const result = run(args);
        assert.notEqual(result.status, 0);
        assert.doesNotMatch(result.stderr, /context \d+ tokens/, 'nothing was loaded');
    }
});

test('a model that is missing, whole or in part, names the command that fetches it', () => {
    const models = path.join(folder, 'gpt-oss-120b-GGUF');
    fs.mkdirSync(models);
    const first = path.join(models, 'gpt-oss-120b-mxfp4-00001-of-00003.gguf');
    for (const args of [['serve', '--port', '0'], ['serve', '--check-config']]) {
        const result = run([...args, '--model', first]);
        assert.equal(result.status, 1);
        assert.match(result.stderr, new RegExp(`gpt-oss-node download gpt-oss-120b --to ${models}`));
    }
    for (const part of [1, 3]) fs.copyFileSync(path.join(demo, `gpt-oss-demo-0000${part}-of-00003.gguf`), path.join(models, `gpt-oss-120b-mxfp4-0000${part}-of-00003.gguf`));
    const result = run(['serve', '--check-config', '--model', first]);
    assert.equal(result.status, 1);
    assert.match(result.stdout, /MODEL_PATH/, 'the settings are shown all the same');
    assert.match(result.stderr, /00002-of-00003.*is not in/s);
    assert.match(result.stderr, /gpt-oss-node download gpt-oss-120b/);
    assert.match(run(['serve', '--check-config', '--model', '/nowhere/mine.gguf']).stderr, /MODEL_PATH/);
});

test('--check-config fails where a GPU is asked of a build without CUDA', { skip: run(['plan', '--preset', 'gpt-oss-20b', '--device', 'cuda']).stderr.includes('CUDA error') }, () => {
    for (const args of [['--gpu-layers', '99'], ['--device', 'cuda']]) {
        const result = run(['serve', '--check-config', ...args]);
        assert.equal(result.status, 1);
        assert.match(result.stderr, /asks for a GPU, but this build computes on the CPU alone/);
    }
    assert.equal(run(['serve', '--check-config', '--gpu-layers', '0']).status, 0);
});

test('plan knows cards by name and by bytes', () => {
    const plan = (...args) => {
        const result = run(['plan', '--json', ...args]);
        return { status: result.status, stderr: result.stderr, ...(result.stdout ? JSON.parse(result.stdout) : {}) };
    };
    const h100 = plan('--preset', 'gpt-oss-120b', '--context', '131072', '--sequences', '1', '--gpu', 'h100');
    assert.equal(h100.status, 0);
    assert.match(h100.device, /H100/);
    assert.ok(h100.total_bytes > 68e9 && h100.total_bytes < 71e9, `${h100.total_bytes}`);   // 69.3 GB were measured on an H100
    // What a node there serves by default: all that the card has room for.
    for (const [gpu, tokens] of [['h100', 380_000], ['pro6000', 750_000], ['h200', 2_000_000]]) {
        const whole = plan('--preset', 'gpt-oss-120b', '--gpu', gpu);
        assert.ok(whole.fits && whole.cache_tokens >= tokens, `${gpu}: ${whole.cache_tokens}`);
        assert.ok(whole.max_sequences >= 64 && whole.max_sequences <= 256, `${gpu}: ${whole.max_sequences}`);
    }
    assert.equal(plan('--preset', 'gpt-oss-120b', '--gpu', '4090').status, 2);
    assert.equal(plan('--preset', 'gpt-oss-20b', '--gpu', '4090').status, 0);
    assert.equal(plan('--preset', 'gpt-oss-20b', '--gpu', '24GB').free_bytes, 24e9);
    const half = plan('--preset', 'gpt-oss-120b', '--context', '8192', '--gpu', '4090', '--gpu-layers', '8');
    assert.equal(half.host_layers, 28);
    assert.ok(half.weight_bytes < 20e9);
    assert.match(plan('--preset', 'gpt-oss-20b', '--gpu', 'h1000').stderr, /h100, /);
    assert.notEqual(plan('--preset', 'gpt-oss-20b', '--gpu', 'h100', '--device', 'cpu').status, 0);
    assert.equal(plan('--model', model, '--gpu', 'pro6000').status, 0);
});

test('verify ends with a verdict', () => {
    const last = (result) => result.stdout.trim().split('\n').at(-1);
    // A copy: beside the original another test may have left a manifest.
    for (const part of [1, 2, 3]) fs.copyFileSync(path.join(demo, `gpt-oss-demo-0000${part}-of-00003.gguf`), path.join(folder, `copy-0000${part}-of-00003.gguf`));
    const model = path.join(folder, 'copy-00001-of-00003.gguf');
    assert.match(last(run(['verify', '--model', model])), /^WELL-FORMED, not verified/);
    const different = run(['verify', '--model', model, '--expect', '0'.repeat(64)]);
    assert.equal(different.status, 1);
    assert.match(last(different), /^DIFFERENT: .*the expected hash/);
    const { composite_sha256 } = JSON.parse(run(['verify', '--model', model, '--json']).stdout);
    assert.match(last(run(['verify', '--model', model, '--expect', composite_sha256])), /^VERIFIED/);
});

test('completions are scripts that complete, and man has a page', () => {
    const script = path.join(folder, 'completion.bash');
    fs.writeFileSync(script, run(['completion', 'bash']).stdout);
    const completed = (words) => spawnSync('bash', ['-c', `. ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gpt_oss_node; printf '%s\\n' "\${COMPREPLY[@]}"`], { encoding: 'utf8' }).stdout.trim().split('\n');
    assert.deepEqual(completed(['gpt-oss-node', 'ver']), ['verify', 'verify-host']);
    assert.deepEqual(completed(['gpt-oss-node', 'serve', '--api-k']), ['--api-keys-file']);
    assert.ok(completed(['gpt-oss-node', 'receipt', '']).includes('replay'));
    assert.match(run(['completion', 'zsh']).stdout, /^#compdef gpt-oss-node/);
    assert.match(run(['completion', 'fish']).stdout, /-n '__fish_seen_subcommand_from serve' -l port -r/);
    assert.match(run(['completion', 'man']).stdout, /\.TH GPT\\-OSS\\-NODE 1/);
    assert.notEqual(run(['completion', 'tcsh']).status, 0);
});

// A terminal for the program, by util-linux's `script`.
function startOnTerminal(args) {
    const child = spawn('script', ['-q', '-e', '-c', `exec ${binary} ${args}`, '/dev/null'], { env: { ...env, TERM: 'xterm' }, cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
    endWithTest(child);
    let text = '';
    child.stdout.on('data', (data) => { text += data; });
    const ended = new Promise((resolve) => { child.once('exit', resolve); });
    return {
        type: (keys) => child.stdin.write(keys),
        sees: async (pattern) => {
            const found = await waitFor(() => text.match(pattern), () => child.exitCode !== null, () => text);
            text = text.slice(found.index + found[0].length);
            return found;
        },
        ended: () => ended,
    };
}

test('chat on a terminal: history, commands, and Ctrl-C stops the answer alone', async () => {
    const terminal = startOnTerminal('chat --seed 5 --threads 1');
    await terminal.sees(/Ctrl-D ends\./);
    await terminal.sees(/> /);
    terminal.type('/effrot high\r');
    await terminal.sees(/did you mean \/effort\?/);
    terminal.type('/effort low\r');
    await terminal.sees(/effort: low/);
    terminal.type('/save empty.md\r');
    await terminal.sees(/nothing to save/);
    terminal.type('What is 2+2?\r');
    await terminal.sees(/\[prompt \d+ tokens/);
    terminal.type('Count from 1 to 1000, every number.\r');
    await terminal.sees(/1000/);
    await new Promise((resolve) => setTimeout(resolve, 300));   // it is thinking
    terminal.type('\x03');
    await terminal.sees(/\[(stopped; )?prompt \d+ tokens/);
    terminal.type('\x1b[A\x1b[A\r');   // two lines up in the history
    await terminal.sees(/What is 2\+2\?/);
    await terminal.sees(/\[prompt \d+ tokens/);
    terminal.type('half a line\x03');
    await terminal.sees(/> /);
    terminal.type('/save talk.json\r');
    await terminal.sees(/saved 3 question/);
    terminal.type('/new\r');
    await terminal.sees(/a new conversation/);
    terminal.type('/quit\r');
    assert.equal(await terminal.ended(), 0);
    const messages = JSON.parse(fs.readFileSync(path.join(folder, 'talk.json'), 'utf8'));
    assert.deepEqual(messages.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant', 'user', 'assistant']);
    assert.match(messages[1].content, /4/);
    const history = path.join(folder, '.local/state/gpt-oss-node/chat_history');
    assert.match(fs.readFileSync(history, 'utf8'), /2\+2/);
    assert.equal(fs.statSync(history).mode & 0o777, 0o600);
});

test('chat reads a pipe, and talks to a running node', async () => {
    const node = await startNode();
    const asked = (args, options) => new Promise((resolve) => {
        const child = spawn(binary, ['chat', ...args], { env, cwd: folder });
        let stdout = '', stderr = '';
        child.stdout.on('data', (data) => { stdout += data; });
        child.stderr.on('data', (data) => { stderr += data; });
        child.once('close', (status) => resolve({ status, stdout, stderr }));
        child.stdin.end(options?.input ?? '');
    });
    const remote = await asked(['--url', `${node.origin}/v1`, '--effort', 'low', '--seed', '1', 'What is 2+2?']);
    assert.equal(remote.status, 0, remote.stderr);
    assert.match(remote.stdout, /4/);
    assert.match(remote.stderr, /gpt-oss-demo at http/);
    const piped = await asked(['--url', node.origin], { input: 'What is 2+2?\n/quit\nnever asked\n' });
    assert.equal(piped.status, 0, piped.stderr);
    assert.equal(piped.stderr.match(/\[prompt/g).length, 1);
    await node.stop();
    const gone = await asked(['--url', node.origin, 'hi']);
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /gpt-oss-node serve/);
});
