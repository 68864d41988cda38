// Codex itself: text, commands, apply_patch, a namespace's call, an output schema, compaction, resume; over SSE and over a
// WebSocket. Its traffic goes to the node on loopback and nowhere else.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { answer, call, startScript, think } from '../support/scripted_model.mjs';

const patch = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: hello.txt\n+hello there\n*** End Patch\nEOF";
const lines = [
    { contains: 'CONTEXT CHECKPOINT COMPACTION', say: answer('Summary: the files were listed by me.') },
    { contains: 'the files were listed by me', say: answer('It goes on.') },
    { user: 'What is 2+2?', say: think('An easy sum.') + answer('It is 4.') },
    { user: 'List the files', say: think('I list them.') + call('exec_command', { cmd: 'echo mark-of-list; ls' }) },
    { contains: 'mark-of-list', say: answer('They are listed.') },
    { user: 'Write a file', say: think('I patch.') + call('exec_command', { cmd: patch }) },
    { contains: 'Success. Updated', say: answer('It is written.') },
    { user: 'Wait for the others', say: think('I wait.') + call('multi_agent_v1__wait_agent', { targets: ['nobody'] }) },
    { contains: 'functions.multi_agent_v1__wait_agent to=assistant', say: answer('Nobody is there.') },
    { user: 'Give JSON', say: answer('{"value":1}') },
    { user: 'And again', say: answer('Again it is.') },
    { say: answer('I do not know.') },
];

let node;
before(async () => { node = await startScript(lines); });
after(() => node.stop());

const binaries = new URL('node_modules/.bin', import.meta.url).pathname;

for (const sockets of [false, true]) {
    describe(sockets ? 'over a WebSocket' : 'over SSE', () => {
        const folder = () => path.join(node.folder, sockets ? 'socket' : 'sse');
        // What Codex said and did.
        async function codex(...args) {
            const home = path.join(folder(), 'home');
            const work = path.join(folder(), 'work');
            fs.mkdirSync(home, { recursive: true });
            fs.mkdirSync(work, { recursive: true });
            fs.writeFileSync(path.join(home, 'config.toml'), [
                'model = "gpt-oss-120b"', 'model_provider = "node"', 'check_for_update_on_startup = false',
                '[analytics]', 'enabled = false', '[model_providers.node]', 'name = "gpt-oss-node"', `base_url = "${node.url}"`,
                'wire_api = "responses"', 'request_max_retries = 0', 'stream_max_retries = 0', `supports_websockets = ${sockets}`].join('\n'));
            const env = { HOME: home, CODEX_HOME: home, PATH: `${binaries}:${process.env.PATH}` };
            return new Promise((resolve) => {
                const child = execFile('codex', ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '--json', ...args],
                    { cwd: work, env, timeout: 90_000, maxBuffer: 1 << 26 }, (problem, stdout, stderr) => {
                        const events = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
                        const items = events.filter((event) => event.type === 'item.completed').map((event) => event.item);
                        resolve({ events, items, log: stdout + stderr, work,
                            messages: items.filter((item) => item.type === 'agent_message').map((item) => item.text),
                            thread: events.find((event) => event.type === 'thread.started')?.thread_id });
                    });
                child.stdin.end();
            });
        }

        test('answers, and shows what was thought', async () => {
            const run = await codex('What is 2+2?');
            assert.deepEqual(run.messages, ['It is 4.'], run.log);
            assert.ok(run.items.some((item) => item.type === 'reasoning' && /An easy sum/.test(item.text)), run.log);
            assert.ok(run.events.at(-1).usage.input_tokens > 1000, run.log);
        });
        test('runs a command', async () => {
            const run = await codex('List the files');
            assert.deepEqual(run.messages, ['They are listed.'], run.log);
            assert.ok(run.items.some((item) => item.type === 'command_execution' && /mark-of-list/.test(item.aggregated_output)), run.log);
        });
        test('applies a patch', async () => {
            const run = await codex('Write a file');
            assert.deepEqual(run.messages, ['It is written.'], run.log);
            assert.equal(fs.readFileSync(path.join(run.work, 'hello.txt'), 'utf8'), 'hello there\n');
        });
        test("calls a namespace's tool", async () => {
            const run = await codex('Wait for the others');
            assert.deepEqual(run.messages, ['Nobody is there.'], run.log);
            assert.doesNotMatch(run.log, /unsupported call/);
        });
        test('keeps to an output schema', async () => {
            const schema = path.join(folder(), 'schema.json');
            fs.writeFileSync(schema, JSON.stringify({ type: 'object', properties: { value: { type: 'number' } }, required: ['value'], additionalProperties: false }));
            const run = await codex('--output-schema', schema, 'Give JSON');
            assert.deepEqual(run.messages.map((text) => JSON.parse(text)), [{ value: 1 }], run.log);
        });
        test('resumes', async () => {
            const first = await codex('What is 2+2?');
            const second = await codex('resume', first.thread, 'And again');
            assert.deepEqual(second.messages, ['Again it is.'], second.log);
        });
        test('takes the way that it was told to', async () => {
            const metrics = await (await fetch(`${node.origin}/metrics`)).text();
            assert.equal(/route="\/v1\/responses",status="101"/.test(metrics), sockets, metrics.match(/.*replies_total.*/g)?.join('\n'));
        });
        test('makes its history short', async () => {
            const run = await codex('-c', 'model_auto_compact_token_limit=100', 'List the files');
            assert.equal(run.messages.at(-1), 'It goes on.', run.log);
        });
    });
}
