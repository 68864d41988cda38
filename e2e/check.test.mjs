// `gpt-oss-node check`: passes on the demo node and on a healthy scripted one; on each deliberately broken one fails for
// what is broken, and for nothing else that is whole.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary, startNode } from './support/node.mjs';
import { startScriptedNode } from './support/scripted_node.mjs';

const check = (url, ...args) => new Promise((resolve) => {
    execFile(binary, ['check', '--url', url, '--json', ...args], { cwd: '/', env: { PATH: process.env.PATH } }, (problem, stdout, stderr) => {
        const report = stdout ? JSON.parse(stdout) : {};
        const failing = (report.checks ?? []).filter((each) => !each.passed).map((each) => each.name);
        resolve({ code: problem?.code ?? 0, report, failing, stderr });
    });
});

test('the demo node passes', async () => {
    const node = await startNode(['--context', '2048']);
    const junit = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-')), 'check.xml');
    const { code, report, failing } = await check(node.url, '--context', '2048', '--context-tokens', '1000', '--min-tokens-per-second', '0.1',
        '--max-first-token-ms', '600000', '--junit', junit);
    assert.deepEqual(failing, [], JSON.stringify(report, null, 1));
    assert.equal(code, 0);
    assert.equal(report.model, 'gpt-oss-demo');
    assert.deepEqual(report.skipped.map((each) => each.name), ['model verified', 'layers on the GPU', 'VRAM idle', 'VRAM under load']);
    assert.match(fs.readFileSync(junit, 'utf8'), /failures="0" skipped="4"/);
    fs.rmSync(path.dirname(junit), { recursive: true });
    await node.stop();
});

test('a healthy node passes with nothing skipped', async () => {
    const node = await startScriptedNode();
    const { code, report, failing } = await check(node.url, '--context', '8192', '--require-verified', '--require-gpu');
    assert.deepEqual([code, failing, report.skipped], [0, [], []], JSON.stringify(report, null, 1));
    node.stop();
});

// defect -> exactly these checks fail
const defects = {
    markersLeak: ['no markers'],
    nameLeaks: ['no markers'],
    repeatedTokens: ['no repetition'],
    loops: ['no repetition'],
    slowTokens: ['tokens per second'],
    dropsChunks: ['streaming'],
    noFinish: ['streaming'],
    noDone: ['streaming'],
    allAtOnce: ['streaming', 'cancellation'],  // who gets nothing until the end cannot leave before it
    shortContext: ['fact in a long prompt'],
    shortContextTold: ['fact in a long prompt', 'context length'],
    lessContext: ['context length'],
    wrongSum: ['2+2', 'concurrency'],
    reasoningInContent: ['channels apart'],
    contentRepeatsReasoning: ['channels apart'],
    cancellationIgnored: ['cancellation'],
    wrongStatus: ['bad JSON is refused', 'wrong type is refused', 'long prompt is refused'],
    fieldNotNamed: ['bad JSON is refused', 'wrong type is refused', 'long prompt is refused'],
    notVerified: ['model verified'],
    layersOnCpu: ['layers on the GPU'],
    vramAlways: ['VRAM idle', 'VRAM under load'],
    vramUnderLoad: ['VRAM under load'],
    failsUnderLoad: ['concurrency'],
    brokenArguments: ['tool call'],
    garbage: ['no garbage'],
};

for (const [defect, expected] of Object.entries(defects)) {
    test(`a broken node fails: ${defect}`, async () => {
        const node = await startScriptedNode({ [defect]: true });
        const { code, failing, report } = await check(node.url, '--context', '8192', '--require-verified');
        assert.deepEqual(failing, expected, JSON.stringify(report, null, 1));
        assert.equal(code, 1);
        node.stop();
    });
}

test('nobody there, or no model yet: exit status 2', async () => {
    assert.equal((await check('http://127.0.0.1:1')).code, 2);
    const node = await startScriptedNode({ noModel: true });
    const { code, failing } = await check(node.url);
    assert.deepEqual([code, failing], [2, ['model loaded']]);
    node.stop();
});

test('another OpenAI-compatible server: what it does not offer is skipped with the reason', async () => {
    const node = await startScriptedNode({ foreign: true });
    const { code, report } = await check(node.url);
    assert.equal(code, 0, JSON.stringify(report, null, 1));
    for (const name of ['model verified', 'VRAM idle', 'cancellation'])
        assert.match(report.skipped.find((each) => each.name === name).reason, /offered by this server/);
    node.stop();
});
