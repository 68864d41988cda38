// `gpt-oss-node qualify`: what it finds on the demo model, what it refuses, and that `serve` keeps to its decision.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { privateKeyToAddress } from 'viem/accounts';
import { binary, waitFor } from './support/node.mjs';

const hostKey = `0x${'1'.repeat(64)}`;
const library = path.join(path.dirname(binary), 'tests/node/libgptoss_fake_nvml.so');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-'));
test.after(() => fs.rmSync(folder, { recursive: true }));

const run = (command, args, env = {}) => new Promise((resolve) => {
    execFile(binary, [command, ...args], { cwd: '/', maxBuffer: 1 << 24, env: { PATH: process.env.PATH, HOME: folder, ...env } },
        (problem, stdout, stderr) => resolve({ code: problem?.code ?? 0, stdout, stderr }));
});
const qualify = async (args, env) => {
    const report = path.join(folder, 'report.json');
    const result = await run('qualify', ['--device', 'cpu', '--report', report, '--page', path.join(folder, 'report.html'), ...args], env);
    return { ...result, report: JSON.parse(fs.readFileSync(report, 'utf8')) };
};
const verdicts = (report, stage) => Object.fromEntries(report.findings.filter((each) => each.stage === stage).map((each) => [each.name, each.verdict]));

test('the demo model gives the answers that are known, and the host signs the report', async () => {
    const keyFile = path.join(folder, 'host.key');
    fs.writeFileSync(keyFile, hostKey, { mode: 0o600 });
    const { code, report, stdout } = await qualify(['--stages', 'weights,answers'], { HOST_PRIVATE_KEY_FILE: keyFile });
    assert.equal(code, 0, stdout);
    assert.equal(report.fit_to_serve, true);
    const answers = verdicts(report, 'answers');
    for (let number = 1; number <= 6; ++number) assert.equal(answers[`known answer ${number}`], 'passed', stdout);
    assert.match(stdout, /FIT TO SERVE/);
    assert.match(fs.readFileSync(path.join(folder, 'report.html'), 'utf8'), /<h1>Fit to serve<\/h1>/);
    const same = await run('qualify', ['--compare', path.join(folder, 'report.json'), path.join(folder, 'report.json')]);
    assert.doesNotMatch(same.stdout, /changed|worse|gone/);
    assert.equal(Object.keys(answers).filter((name) => /^needle at \d+ %$/.test(name)).length, 6, stdout);

    const verify = (file, ...more) => run('qualify', ['--verify', path.join(folder, file), ...more]);
    const host = privateKeyToAddress(hostKey);
    const held = await verify('report.json', '--signer', host);
    assert.equal(held.code, 0, held.stderr);
    assert.match(held.stdout, new RegExp(`FIT TO SERVE\nsigned by ${host}`));
    fs.writeFileSync(path.join(folder, 'forged.json'), JSON.stringify({ ...report, device: 'a faster card' }));
    const forged = await verify('forged.json');
    assert.equal(forged.code, 4);
    assert.match(forged.stdout, /FORGED/);
    const other = await verify('report.json', '--signer', `0x${'1'.repeat(40)}`);
    assert.equal(other.code, 4);
    assert.match(other.stdout, /ANOTHER SIGNER/);
});

test('other weights than expected are not fit', async () => {
    const { code, report } = await qualify(['--stages', 'weights', '--expect', 'ab'.repeat(32)]);
    assert.equal(code, 1);
    assert.equal(verdicts(report, 'weights')['expected hash'], 'failed');
});

test('a card that lowers its clocks, or whose driver fails, is named', { skip: !fs.existsSync(library) }, async () => {
    const state = path.join(folder, 'state');
    const tell = (text) => {
        fs.writeFileSync(`${state}.next`, text);
        fs.renameSync(`${state}.next`, state);
    };
    const env = { GPTOSS_NVML_LIBRARY: library, FAKE_NVML_STATE: state };
    tell('used_mib 7000 temperature 93 throttle_bits 64');
    const hot = await qualify(['--stages', 'load', '--minutes', '0.05'], env);
    assert.equal(hot.code, 1, hot.stdout);
    assert.equal(verdicts(hot.report, 'load')['no throttling'], 'failed', hot.stdout);

    // A driver that is right at first and fails once the load has begun: five minutes of ten, here seconds.
    tell('used_mib 7000 temperature 50');
    const temporary = path.join(folder, 'tmp');
    fs.mkdirSync(temporary);
    const failing = qualify(['--stages', 'load', '--minutes', '0.15'], { ...env, TMPDIR: temporary });
    const nodeLog = () => fs.readdirSync(temporary).filter((name) => name.startsWith('gpt-oss-qualify-node'))
        .map((name) => path.join(temporary, name, 'log')).filter((file) => fs.existsSync(file)).map((file) => fs.readFileSync(file, 'utf8')).join('');
    const origin = await waitFor(() => /listening on (http:[^\s"]+)/.exec(nodeLog())?.[1], () => false, nodeLog);
    await waitFor(async () => /^gptoss_generated_tokens_total [1-9]/m.test(await (await fetch(`${origin}/metrics`)).text()));
    tell('used_mib 7000 temperature 50 xid 79');
    const { code, report, stdout } = await failing;
    assert.equal(code, 1, stdout);
    const failed = report.findings.find((each) => each.name === 'no driver errors');
    assert.equal(failed.verdict, 'failed', stdout);
    assert.match(failed.detail, /^XID 79 .*\d+ s into it$/);
});

test('whoever is interrupted has what was found until then', async () => {
    const file = path.join(folder, 'interrupted.json');
    const child = spawn(binary, ['qualify', '--device', 'cpu', '--stages', 'kernels', '--no-decision', '--report', file],
        { cwd: '/', env: { PATH: process.env.PATH, HOME: folder }, stdio: ['ignore', 'ignore', 'pipe'] });
    let steps = '';
    child.stderr.on('data', (bytes) => { steps += bytes; });
    const ended = once(child, 'exit');
    await waitFor(() => fs.existsSync(file), () => child.exitCode !== null, () => steps);
    child.kill();
    await ended;
    const report = JSON.parse(fs.readFileSync(file, 'utf8'));
    assert.equal(report.fit_to_serve, false);
    assert.match(report.unfinished, /^trying cpu\//);
    assert.match(report.findings[0].detail, /^right so far/);
    assert.match(steps, /^ +\d+\.\d s {2}trying cpu\//m);
});

// Every kernel set on the demo model takes minutes.
test('a decision is kept to, an edited file is refused', { skip: !process.env.QUALIFY_LONG }, async () => {
    const file = path.join(folder, 'decision.json');
    const first = await run('qualify', ['--device', 'cpu', '--stages', 'kernels', '--if-needed', '--qualification-path', file]);
    assert.equal(first.code, 0, first.stdout + first.stderr);
    const again = await run('qualify', ['--device', 'cpu', '--stages', 'kernels', '--if-needed', '--qualification-path', file]);
    assert.match(again.stdout, /qualified before .*FIT TO SERVE/);

    const edited = fs.readFileSync(file, 'utf8').replace('"fit_to_serve": true', '"fit_to_serve": false');
    fs.writeFileSync(file, edited);
    const refused = await run('serve', ['--port', '0', '--qualification-path', file]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /is not what `qualify` wrote/);
});
