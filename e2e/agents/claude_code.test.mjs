// Claude Code itself: text, a loop of Read, Edit and Bash in a scratch folder, thinking, /context. Its traffic goes to the
// node on loopback and nowhere else.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { answer, call, startScript, think } from '../support/scripted_model.mjs';

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'claude-'));
const file = path.join(work, 'notes.txt');
let node;
before(async () => {
    node = await startScript([
        { contains: 'mark-of-bash', say: answer('The notes are changed.') },
        { contains: 'has been updated', say: think('I look.') + call('Bash', { command: 'cat notes.txt; echo mark-of-bash', description: 'Show the notes' }) },
        { contains: 'first line of the notes', say: think('I change it.') + call('Edit', { file_path: file, old_string: 'first line of the notes', new_string: 'changed line' }) },
        { contains: 'Change the notes', say: think('I read them first.') + call('Read', { file_path: file }) },
        { contains: 'What is 2+2?', say: think('An easy sum.') + answer('It is 4.') },
        { say: answer('Well.') },
    ]);
});
after(async () => {
    await node.stop();
    fs.rmSync(work, { recursive: true });
});

const binaries = new URL('node_modules/.bin', import.meta.url).pathname;

function claude(...args) {
    const env = {
        HOME: node.folder, PATH: `${binaries}:${process.env.PATH}`, ANTHROPIC_BASE_URL: node.origin, ANTHROPIC_API_KEY: 'none', ANTHROPIC_MODEL: 'gpt-oss-120b',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_AUTOUPDATER: '1', DISABLE_ERROR_REPORTING: '1',
    };
    return new Promise((resolve) => {
        const child = execFile('claude', ['-p', '--output-format', 'stream-json', '--verbose', ...args], { cwd: work, env, timeout: 90_000, maxBuffer: 1 << 26 },
            (problem, stdout, stderr) => {
                const events = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
                const blocks = events.filter((event) => event.type === 'assistant').flatMap((event) => event.message.content);
                resolve({ events, blocks, log: stdout + stderr, result: events.find((event) => event.type === 'result') });
            });
        child.stdin.end();
    });
}

test('answers, with what it thought', async () => {
    const run = await claude('What is 2+2?');
    assert.equal(run.result?.result, 'It is 4.', run.log);
    assert.ok(run.blocks.some((block) => block.type === 'thinking' && /An easy sum/.test(block.thinking)), run.log);
});

test('reads, edits and runs', async () => {
    fs.writeFileSync(file, 'first line of the notes\n');
    const run = await claude('--allowedTools', 'Read,Edit,Bash', '--', 'Change the notes');
    assert.equal(run.result?.result, 'The notes are changed.', run.log);
    assert.deepEqual(run.blocks.filter((block) => block.type === 'tool_use').map((block) => block.name), ['Read', 'Edit', 'Bash']);
    assert.equal(fs.readFileSync(file, 'utf8'), 'changed line\n');
});

test('/context counts tokens', async () => {
    const run = await claude('/context');
    assert.match(run.log, /Context Usage/, run.log);
});
