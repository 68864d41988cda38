// opencode, Qwen Code and Cline: an answer, and a command that the model asks for. Codex's --oss too: it looks for Ollama and finds
// the node. Their models' traffic goes to the node on loopback and nowhere else.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { answer, call, startScript, think } from '../support/scripted_model.mjs';

const binaries = new URL('node_modules/.bin', import.meta.url).pathname;
const sum = { contains: 'What is 2+2?', say: think('An easy sum.') + answer('It is 4.') };
const done = { contains: 'mark-of-list', say: think('There it is.') + answer('They are listed.') };
const lines = (name, input) => [done, { contains: 'List the files', say: think('I list them.') + call(name, input) }, sum, { say: answer('A title.') }];

// What the agent printed. `config`: files of its working folder.
async function ask(node, program, args, { env = {}, config = {} } = {}) {
    const home = path.join(node.folder, 'home');
    const work = path.join(node.folder, 'work');
    fs.mkdirSync(home, { recursive: true });
    fs.mkdirSync(work, { recursive: true });
    for (const [name, value] of Object.entries(config)) fs.writeFileSync(path.join(work, name), JSON.stringify(value));
    return new Promise((resolve) => {
        const child = execFile(program, args, { cwd: work, env: { HOME: home, CODEX_HOME: home, PATH: `${binaries}:${process.env.PATH}`, ...env },
            timeout: 120_000, maxBuffer: 1 << 26 }, (problem, stdout, stderr) => resolve(`${stdout}\n${stderr}`));
        child.stdin.end();
    });
}

const agents = {
    opencode: {
        script: lines('bash', { command: 'echo mark-of-list', description: 'Lists' }),
        run: (node, question) => ask(node, 'opencode', ['run', question], {
            env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
            config: { 'opencode.json': { model: 'node/gpt-oss-120b', small_model: 'node/gpt-oss-120b', permission: 'allow', provider: { node: {
                npm: '@ai-sdk/openai-compatible', options: { baseURL: node.url, apiKey: 'none' }, models: { 'gpt-oss-120b': {} } } } } } }),
    },
    'Qwen Code': {
        script: lines('run_shell_command', { command: 'echo mark-of-list', is_background: false }),
        run: (node, question) => ask(node, 'qwen', ['--auth-type', 'openai', '--openai-base-url', node.url, '--openai-api-key', 'none',
            '-m', 'gpt-oss-120b', '-y', '--output-format', 'json', question]),
    },
    Cline: {
        script: lines('run_commands', { commands: ['echo mark-of-list'] }),
        run: async (node, question) => {
            await ask(node, 'cline', ['auth', '--provider', 'openai', '--apikey', 'none', '--baseurl', node.url, '--modelid', 'gpt-oss-120b']);
            return ask(node, 'cline', ['-P', 'openai', '-m', 'gpt-oss-120b', '--json', question]);
        },
        // What it left running in the background.
        end: (node) => ask(node, 'cline', ['hub', 'stop']),
    },
    'Codex --oss': {
        script: lines('exec_command', { cmd: 'echo mark-of-list' }),
        run: (node, question) => ask(node, 'codex', ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox',
            '--oss', '--local-provider', 'ollama', question], { env: { CODEX_OSS_BASE_URL: node.url } }),
    },
};

for (const [name, { script, run, end = () => {} }] of Object.entries(agents)) {
    test(name, async () => {
        const node = await startScript(script);
        try {
            assert.match(await run(node, 'What is 2+2?'), /It is 4\./);
            const listed = await run(node, 'List the files');
            assert.match(listed, /mark-of-list/);
            assert.match(listed, /They are listed\./);
        } finally {
            await end(node);
            await node.stop();
        }
    });
}
