// Load for a node: streaming clients in several processes, so that some can be killed as crashes kill them.
//
//   node e2e/load.mjs [clients=1000] [rounds=2] [processes=10] [tokens=16]     starts a node with the demo model and prints a table
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(import.meta.url);

// One streaming client. Resolves with how its stream ended; `gaps_ms` collects the times between its pieces.
function streamOnce(origin, body, gaps_ms) {
    return new Promise((resolve) => {
        const text = JSON.stringify(body), sent = performance.now();
        const request = http.request(`${origin}/v1/chat/completions`, { method: 'POST', agent: false,
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } });
        const outcome = { status: 0, finishes: 0, done: false, first_ms: null };
        let last = 0, rest = '';
        request.on('response', (response) => {
            outcome.status = response.statusCode;
            response.setEncoding('utf8');
            response.on('data', (piece) => {
                const events = (rest + piece).split('\n\n'), now = performance.now();
                rest = events.pop();
                // The first event only opens the message: tokens come with text.
                if (events.some((event) => /"(content|reasoning)":"[^"]/.test(event))) {
                    if (last > 0) gaps_ms.push(now - last); else outcome.first_ms = now - sent;
                    last = now;
                }
                outcome.finishes += events.filter((event) => event.includes('"finish_reason":"')).length;
                outcome.done ||= events.includes('data: [DONE]');
            });
            response.on('close', () => resolve(outcome));
        });
        request.on('error', () => resolve(outcome));
        request.end(text);
    });
}

// A process of clients: each asks `rounds` times, one request after the other.
async function work({ origin, clients, rounds, body }) {
    const gaps_ms = [], first_ms = [];
    let complete = 0, broken = 0;
    await Promise.all(Array.from({ length: clients }, async (_, client) => {
        for (let round = 0; round < rounds; round += 1) {
            const outcome = await streamOnce(origin, { ...body, stream: true, seed: client * 1000 + round }, gaps_ms);
            if (outcome.status === 200 && outcome.finishes === 1 && outcome.done) complete += 1; else broken += 1;
            if (outcome.first_ms !== null) first_ms.push(outcome.first_ms);
        }
    }));
    // Percentiles need every gap; a message a process is enough.
    process.send({ complete, broken, gaps_ms: gaps_ms.map((gap) => Math.round(gap * 100) / 100), first_ms }, () => process.disconnect());
}

export function percentile(values, share) {
    const sorted = Float64Array.from(values).sort();
    return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

// Starts the clients; `result` of each process resolves with what it counted, or null when it was killed.
export function startClients({ origin, clients, rounds = 1, processes, body }) {
    return Array.from({ length: processes }, (_, index) => {
        const share = Math.floor(clients / processes) + (index < clients % processes ? 1 : 0);
        const child = fork(file, ['--clients'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
        const result = new Promise((resolve) => { child.on('message', resolve); child.on('exit', () => resolve(null)); });
        child.send({ origin, clients: share, rounds, body });
        return { child, clients: share, result };
    });
}

export async function sums(started) {
    const total = { complete: 0, broken: 0, gaps_ms: [], first_ms: [] };
    for (const { result } of started) {
        const part = await result;
        if (part === null) continue;
        total.complete += part.complete;
        total.broken += part.broken;
        total.gaps_ms = total.gaps_ms.concat(part.gaps_ms);
        total.first_ms = total.first_ms.concat(part.first_ms);
    }
    return total;
}

export function resident_mb(pid) {
    return Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}

// Kills half of the processes with SIGKILL while all their clients stream or wait. Resolves with how long it took
// until the engine held no work of theirs, and how many generations it cancelled for it.
export async function killHalf(node, started) {
    const all = started.reduce((sum, each) => sum + each.clients, 0);
    const held = async () => { const { engine } = await (await fetch(`${node.origin}/v1/status`)).json(); return engine.running + engine.waiting; };
    const deadline = performance.now() + 120_000;
    while (await held() < all) if (performance.now() > deadline) throw new Error('not all clients came to be held');
    const victims = started.slice(0, Math.ceil(started.length / 2));
    const killed = victims.reduce((sum, each) => sum + each.clients, 0);
    const steps = await node.metric('gptoss_engine_steps_total');
    const began = performance.now();
    for (const { child } of victims) child.kill('SIGKILL');
    await Promise.all(victims.map(({ child }) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null)));
    while (await held() > all - killed) if (performance.now() > deadline) throw new Error('work of killed clients goes on');
    const gone_ms = performance.now() - began;
    return { killed, gone_ms, steps: await node.metric('gptoss_engine_steps_total') - steps,
        cancelled: await node.metric('gptoss_generations_total{reason="cancelled"}'), survivors: started.slice(victims.length) };
}

async function main() {
    const { startNode } = await import('./support/node.mjs');
    const [clients, rounds, processes, tokens] = [1000, 2, 10, 16].map((usual, index) => Number(process.argv[2 + index] ?? usual));
    const node = await startNode(['--queue-limit', String(2 * clients)]);
    const body = { messages: [{ role: 'user', content: 'Write a short poem about computers.' }], max_tokens: tokens, temperature: 1 };
    const memory_mb = [resident_mb(node.child.pid)];
    const began = performance.now();
    let total = { complete: 0, broken: 0, gaps_ms: [], first_ms: [] };
    for (let round = 0; round < rounds; round += 1) {
        const part = await sums(startClients({ origin: node.origin, clients, processes, body }));
        total = { complete: total.complete + part.complete, broken: total.broken + part.broken,
            gaps_ms: total.gaps_ms.concat(part.gaps_ms), first_ms: total.first_ms.concat(part.first_ms) };
        memory_mb.push(resident_mb(node.child.pid));
    }
    const seconds = (performance.now() - began) / 1000;
    const started = startClients({ origin: node.origin, clients, processes, body: { ...body, max_tokens: 400 } });
    const { killed, gone_ms, steps, cancelled, survivors } = await killHalf(node, started);
    for (const { child } of survivors) child.kill('SIGKILL');
    const generated = await node.metric('gptoss_generated_tokens_total');
    console.log(`${clients} clients in ${processes} processes, ${rounds} rounds of ${body.max_tokens} tokens, in ${seconds.toFixed(1)} s`);
    console.log(`complete ${total.complete}, broken ${total.broken}, tokens generated ${generated}`);
    console.log(`time between tokens, ms: p50 ${percentile(total.gaps_ms, 0.5).toFixed(1)}, p99 ${percentile(total.gaps_ms, 0.99).toFixed(1)}, ` +
        `longest ${percentile(total.gaps_ms, 1).toFixed(1)}; time to first token, s: p50 ${(percentile(total.first_ms, 0.5) / 1000).toFixed(1)}, ` +
        `longest ${(percentile(total.first_ms, 1) / 1000).toFixed(1)}`);
    console.log(`memory, MB: ${memory_mb.map((each) => each.toFixed(0)).join(', ')} (ready, after each round)`);
    console.log(`kill -9 of ${killed} clients: their work was gone after ${gone_ms.toFixed(0)} ms (${steps} engine steps), ${cancelled} generations cancelled`);
    await node.stop();
}

if (process.argv[2] === '--clients') process.once('message', work);
else if (process.argv[1] === file) await main();
