// The compliance tests of Open Responses, those of WebSockets included, against a node whose model is a script.
//
//   git clone https://github.com/openresponses/openresponses ~/openresponses
//   (cd ~/openresponses && npm install --no-save bun zod@3)
//   cmake --build build/release --target scripted_node
//   node e2e/open_responses.mjs ~/openresponses build/release/tests/http/scripted_node
//
// Once with a model that does not think, and once with one that does, its thoughts told as summaries: Open Responses calls the
// events of whole thoughts response.reasoning.*, OpenAI and its clients response.reasoning_text.*, and the node keeps to the latter.
import { execFile } from 'node:child_process';
import path from 'node:path';

const [suite, scriptedNode] = process.argv.slice(2);
if (!scriptedNode) throw new Error('usage: node e2e/open_responses.mjs OPENRESPONSES-FOLDER SCRIPTED-NODE');
process.env.SCRIPTED_NODE = path.resolve(scriptedNode);
const { answer, call, startScript, think } = await import('./support/scripted_model.mjs');

let failures = 0;
for (const thinks of [false, true]) {
    const thought = thinks ? think('I see what is wanted.') : '';
    const node = await startScript([
        { contains: 'weather like in San Francisco', say: thought + call('get_weather', { location: 'San Francisco, CA' }) },
        { say: thought + answer('Here it is.') }], thinks ? ['--reasoning', 'summary'] : []);
    const output = await new Promise((resolve) => {
        execFile('npx', ['bun', 'run', 'bin/compliance-test.ts', '--base-url', node.url, '--api-key', 'none', '--model', 'script', '--json'],
            { cwd: suite, maxBuffer: 1 << 28 }, (problem, stdout, stderr) => resolve(stdout || stderr));
    });
    await node.stop();
    const { summary, results } = JSON.parse(output);
    for (const result of results.filter((each) => each.status !== 'passed'))
        console.log(`${result.id}: ${(result.errors ?? []).map((error) => error.slice(0, 300)).join('\n  ')}`);
    const good = summary.total >= 17 && summary.passed === summary.total;
    failures += !good;
    console.log(`${thinks ? 'with thoughts' : 'without thoughts'}: ${summary.passed} of ${summary.total}: ${good ? 'passed' : 'FAILED'}`);
}
process.exitCode = failures === 0 ? 0 : 1;
