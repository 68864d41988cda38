// What streams cost the node besides its model: microseconds of processor a token, by thread, and how near the tokens a second
// come to what the steps allow. The model is a script (tests/http/scripted_node.cpp), its steps take a fixed time.
//
//   cmake --build --preset release --target scripted_node
//   node bench/http/stream_cost.mjs build/release 64 15     # streams, milliseconds a step
//   node bench/http/stream_cost.mjs build/release 512 45
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const [build, streams = '64', step_ms = '15', seconds = '10'] = process.argv.slice(2);
const words = 'the quick brown fox jumps over a lazy dog and runs far away '.repeat(400);
const script = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'stream-cost-')), 'script.jsonl');
fs.writeFileSync(script, JSON.stringify({ say: `<|channel|>final<|message|>${words}<|return|>` }) + '\n');
const node = spawn(path.join(build, 'tests/http/scripted_node'), [script, '--step-ms', step_ms, '--sequences', streams], { stdio: ['ignore', 'ignore', 'pipe'] });
let said = '';
const url = await new Promise((resolve) => node.stderr.on('data', (text) => {
    said += text;
    const found = said.match(/(http:\S+)\n/);   // it comes in pieces
    if (found) resolve(found[1]);
}));

let tokens = 0;
let begun = 0;
const agent = new http.Agent({ maxSockets: Infinity });
const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], stream: true });
function ask() {
    const request = http.request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (reply) => {
        reply.once('data', () => { ++begun; });
        reply.on('data', (bytes) => { for (let at = bytes.indexOf('data: '); at >= 0; at = bytes.indexOf('data: ', at + 6)) ++tokens; });
        reply.on('end', ask);
    });
    request.on('error', () => {});
    request.end(body);
}
for (let i = 0; i < Number(streams); ++i) ask();

// Nanoseconds that each thread has run, and times it was put on a processor.
function threads() {
    const root = `/proc/${node.pid}/task`;
    return new Map(fs.readdirSync(root).map((id) => [id, fs.readFileSync(`${root}/${id}/schedstat`, 'utf8').trim().split(' ').map(Number)]));
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
while (begun < Number(streams)) await pause(100);
await pause(3000);   // until all of them are past their prompts
const [before, tokens_before, began] = [threads(), tokens, performance.now()];
await pause(1000 * Number(seconds));
const [after, count, took_s] = [threads(), tokens - tokens_before, (performance.now() - began) / 1000];
const allowed = (Number(streams) / Number(step_ms)) * 1000;
console.log(`${streams} streams, steps of ${step_ms} ms: ${(count / took_s).toFixed(0)} tokens a second, ${((100 * count) / took_s / allowed).toFixed(1)} % of what the steps allow`);
for (const [id, [ran_ns, , times]] of after) {
    const [ran_before_ns, , times_before] = before.get(id) ?? [0, 0, 0];
    const us = (ran_ns - ran_before_ns) / 1000 / count;
    if (us > 0.05) console.log(`  thread ${id}: ${us.toFixed(2)} us a token, put on a processor ${((times - times_before) / count).toFixed(3)} times a token`);
}
node.kill();
process.exit(0);
