// OpenAI's compatibility test for gpt-oss against a node whose model is a script: everything but the weights is real.
//
//   git clone https://github.com/openai/gpt-oss ~/gpt-oss
//   (cd ~/gpt-oss/compatibility-test && npm ci && npm install tsx)
//   cmake --build build/release --target scripted_node
//   node e2e/compatibility.mjs ~/gpt-oss/compatibility-test build/release/tests/http/scripted_node
//
// Overwrites providers.ts there, as its README asks. Fails unless every case is recorded, passed and of valid shape,
// chat whole and streamed, responses whole: the test reads its streamed responses where its own SDK leaves nothing.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const [suite, binary] = process.argv.slice(2);
if (!binary) throw new Error('usage: node e2e/compatibility.mjs COMPATIBILITY-TEST-FOLDER SCRIPTED-NODE');
const cases = fs.readFileSync(path.join(suite, 'cases.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));

// The model thinks, calls the expected function with the expected arguments, and words the result. It names the
// recipient sometimes before and sometimes after the channel, as gpt-oss does.
const call = ({ tool_name: name, expected_arguments: text }, index) => {
    const header = index % 2 === 0 ? ` to=functions.${name}<|channel|>commentary` : `<|channel|>commentary to=functions.${name}`;
    return `<|channel|>analysis<|message|>The user needs ${name}.<|end|><|start|>assistant${header} <|constrain|>json<|message|>${text}<|call|>`;
};
const lines = cases.map((each, index) => ({ user: each.input, say: call(each, index) }));
lines.push({ say: '<|channel|>analysis<|message|>There is the result.<|end|><|start|>assistant<|channel|>final<|message|>Done: all is well.<|return|>' });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compatibility-'));
const script = path.join(folder, 'script.jsonl');
fs.writeFileSync(script, lines.map((line) => JSON.stringify(line)).join('\n'));

const node = spawn(binary, [script], { stdio: ['ignore', 'ignore', 'pipe'] });
const exited = once(node, 'exit');
const url = await new Promise((resolve, reject) => {
    // Whole lines: a piece of the log may end in the middle of the address.
    readline.createInterface({ input: node.stderr }).on('line', (line) => { const found = line.match(/http:\S+/); if (found) resolve(found[0]); });
    exited.then(() => reject(new Error('the scripted node ended')));
});
let failures = 0;
for (const [api, ...mode] of [['chat'], ['chat', '--streaming'], ['responses']]) {
    fs.writeFileSync(path.join(suite, 'providers.ts'), `export const PROVIDERS = { node: { apiBaseUrl: "${url}/v1", apiKey: "none", ` +
        `apiType: ["${api}"], modelName: "script", providerDetails: {} } };\n`);
    const output = await new Promise((resolve) => {
        execFile('npx', ['tsx', 'index.ts', '--provider', 'node', '--tries', '3', ...mode],
            { cwd: suite, env: { ...process.env, OPENAI_API_KEY: 'none' }, maxBuffer: 1 << 26 }, (problem, stdout, stderr) => resolve(stdout + stderr));
    });
    const figure = (pattern) => Number(output.match(pattern)?.[1] ?? NaN);
    const tasks = figure(/Total tasks: (\d+)/), runs = figure(/Total runs: (\d+)/), invalid = figure(api === 'chat' ? /Invalid Chat Completions API responses: (\d+)/ : /Invalid Responses API responses: (\d+)/);
    const any = figure(/pass@k \(k=3\): ([\d.]+)/), all = figure(/pass\^k \(k=3\): ([\d.]+)/), wrong = figure(/Wrong-input tool calls: (\d+)/);
    const good = tasks === cases.length && runs === 3 * cases.length && invalid === 0 && any === 1 && all === 1 && wrong === 0;
    failures += !good;
    console.log(`${api} ${mode.length ? 'streamed' : 'whole'}: ${tasks} of ${cases.length} tasks, ${runs} runs, ${invalid} invalid responses, ` +
        `pass@3 ${any}, pass^3 ${all}, wrong arguments ${wrong}: ${good ? 'passed' : 'FAILED'}`);
    if (!good) console.log(output.slice(-4000));
}
node.kill('SIGTERM');
await exited;
fs.rmSync(folder, { recursive: true });
process.exitCode = failures === 0 ? 0 : 1;
