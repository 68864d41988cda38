// Attackers beside honest streams: 1,000 clients that each repeat one costly request, beside 16 that talk; then 1,000 that send
// as many harmless requests. Fails when an honest stream fails, when the honest ones' 99th percentile of the time between tokens is
// more than twice that beside the harmless ones, or when memory does not end where it began.
//
//   node e2e/attackers.mjs [attackers=1000] [seconds=60] [streams=16] [harmless=tokenize|chat] [ratio=2]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentile } from './load.mjs';
import { attacks, endless } from './support/attacks.mjs';
import { startNode, waitFor } from './support/node.mjs';
import { peak_mb, processor_s } from './support/process_cost.mjs';

const file = fileURLToPath(import.meta.url);
const processes = 4, grownLimit_mb = 48;
const pause = (time_ms) => new Promise((resolve) => { setTimeout(resolve, time_ms); });

// Sends one request and reads its reply; the status, or 0 when the connection broke.
function ask({ hostname, port }, route, body, key) {
    return new Promise((resolve) => {
        const request = http.request({ hostname, port, path: route, method: 'POST', agent: false,
            headers: { 'content-type': 'application/json', 'content-length': body.length, authorization: `Bearer ${key}` } });
        let status = 0;
        request.on('response', (response) => { status = response.statusCode; response.resume(); response.on('close', () => resolve(status)); });
        request.on('error', () => resolve(status));
        request.end(body);
    });
}

// Sends what never ends until the node has had enough.
function pour({ hostname, port }, { head, piece }) {
    return new Promise((resolve) => {
        const socket = net.connect(port, hostname);
        let sent = 0;
        const more = () => { while (sent < 1 << 26 && socket.writable) { sent += piece.length; if (!socket.write(piece)) return; } socket.destroy(); };
        socket.on('connect', () => { socket.write(head); more(); });
        socket.on('drain', more);
        socket.on('error', () => {});
        socket.on('close', () => resolve(0));
        socket.resume();
    });
}

// A process of clients, each of which does one thing again and again.
async function crowd({ at, first, count, shapes, pause_ms, harmless }) {
    const bodies = Object.fromEntries(shapes.filter((name) => attacks[name]).map((name) => { const [route, text] = attacks[name](); return [name, [route, Buffer.from(text)]]; }));
    const quiet = { tokenize: ['/tokenize', Buffer.from('{"content":"hello there"}')],
        chat: ['/v1/chat/completions', Buffer.from('{"messages":[{"role":"user","content":"hi"}],"max_tokens":1}')] }[harmless];
    const statuses = {};
    let sent = 0;
    process.send({ ready: true });
    const [until] = await once(process, 'message');
    await Promise.all(Array.from({ length: count }, async (_, index) => {
        const shape = shapes[(first + index) % shapes.length];
        await pause(Math.random() * Math.max(pause_ms, 1000));
        while (Date.now() < until) {
            const began = Date.now();
            const status = quiet ? await ask(at, ...quiet, `attacker-${first + index}-0123456789`)
                : bodies[shape] ? await ask(at, ...bodies[shape], `attacker-${first + index}-0123456789`) : await pour(at, endless[shape]);
            sent += 1;
            statuses[status] = (statuses[status] ?? 0) + 1;
            await pause(Math.max(pause_ms - (Date.now() - began), 0));
        }
    }));
    process.send({ sent, statuses }, () => process.disconnect());
}

// The honest ones: each talks all the time and notes the time between pieces that carry text.
async function talk({ at, streams }) {
    const gaps_ms = [], first_ms = [], failures = [];
    let complete = 0;
    process.send({ ready: true });
    const [until] = await once(process, 'message');
    await Promise.all(Array.from({ length: streams }, async (_, index) => {
        for (let round = 0; Date.now() < until; round += 1) {
            const body = JSON.stringify({ messages: [{ role: 'user', content: 'Write a short poem about computers.' }], stream: true, max_tokens: 120, seed: index * 1000 + round });
            const began = performance.now();
            let last = 0, text = '';
            const status = await new Promise((resolve) => {
                const request = http.request({ ...at, path: '/v1/chat/completions', method: 'POST', agent: false,
                    headers: { 'content-type': 'application/json', 'content-length': body.length, authorization: `Bearer honest-${index}-0123456789` } });
                request.on('response', (response) => {
                    response.setEncoding('utf8');
                    response.on('data', (piece) => {
                        text += piece;
                        if (!/"(content|reasoning)":"[^"]/.test(piece)) return;
                        const now = performance.now();
                        if (last > 0) gaps_ms.push(now - last); else first_ms.push(now - began);
                        last = now;
                    });
                    response.on('close', () => resolve(response.statusCode));
                });
                request.on('error', (error) => resolve(error.code));
                request.end(body);
            });
            if (status === 200 && text.endsWith('data: [DONE]\n\n')) complete += 1; else failures.push(`${status} ${text.slice(-200)}`);
        }
    }));
    process.send({ complete, failures, gaps_ms, first_ms }, () => process.disconnect());
}

// The attackers share this machine's cores with the node. What is measured is what the node makes of their requests, not
// that they take its processor time by sending them: they give way, in both phases.
async function start(work) {
    const child = fork(file, [], { env: { ...process.env, CLIENTS: JSON.stringify(work) } });
    if (work.kind === 'crowd') os.setPriority(child.pid, os.constants.priority.PRIORITY_LOW);
    await once(child, 'message');
    return child;
}

// Everybody at once, until it is over. /health is asked by this process, which has nothing else to do.
async function phase(node, { attackers, seconds, streams, pause_ms = 0, harmless = null }) {
    const { hostname, port } = new URL(node.origin);
    const at = { hostname, port: Number(port) };
    const shapes = [...Object.keys(attacks), ...Object.keys(endless)];
    const share = Math.ceil(attackers / processes);
    const crowds = await Promise.all(Array.from({ length: processes }, (_, index) => start({ kind: 'crowd', at, first: index * share, count: share, shapes, pause_ms, harmless })));
    const honest = await start({ kind: 'honest', at, streams });
    const results = [...crowds, honest].map((child) => once(child, 'message').then(([message]) => message));
    const began_s = processor_s(node.child.pid);
    const until = Date.now() + seconds * 1000;
    for (const child of [honest, ...crowds]) child.send(until);
    const health_ms = [];
    while (Date.now() < until) {
        const asked = performance.now();
        const reply = await fetch(`${node.origin}/health`, { headers: { connection: 'close' } });
        await reply.text();
        if (reply.status !== 200) throw new Error(`/health: ${reply.status}`);
        health_ms.push(performance.now() - asked);
        await pause(50);
    }
    const all = await Promise.all(results);
    const talked = all.pop(), statuses = {};
    for (const { statuses: part } of all) for (const [status, count] of Object.entries(part)) statuses[status] = (statuses[status] ?? 0) + count;
    await waitFor(async () => await node.runningAndWaiting() === 0);
    return { ...talked, statuses, sent: all.reduce((sum, { sent }) => sum + sent, 0), health_ms, cost_s: processor_s(node.child.pid) - began_s };
}

const heldMemory_mb = (pid) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/RssAnon:\s+(\d+) kB/)[1]) / 1024;
const shown = (values) => `p50 ${percentile(values, 0.5).toFixed(1)}, p99 ${percentile(values, 0.99).toFixed(1)}, most ${percentile(values, 1).toFixed(0)} ms`;
function tell(name, part) {
    console.log(`${name}: ${part.sent} requests ${JSON.stringify(part.statuses)}; honest: ${part.complete} answers, ${part.failures.length} failed; between tokens ${shown(part.gaps_ms)}; `
        + `first token ${shown(part.first_ms)}; /health ${shown(part.health_ms)}; the node's processor time ${part.cost_s.toFixed(0)} s`);
    for (const failure of part.failures.slice(0, 3)) console.log(`  ${failure}`);
}

async function main() {
    const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
    const attackers = Number(given.attackers ?? 1000), seconds = Number(given.seconds ?? 60), streams = Number(given.streams ?? 16);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'attackers-'));
    const keys = [...Array.from({ length: attackers + processes }, (_, index) => `attacker-${index} attacker-${index}-0123456789`),
        ...Array.from({ length: streams }, (_, index) => `honest-${index} honest-${index}-0123456789`), 'watch watch-0123456789abcd'];
    fs.writeFileSync(path.join(folder, 'keys'), keys.join('\n'));
    const node = await startNode(['--context', '4096', '--cache-tokens', '65536', '--max-sequences', '32', '--api-keys-file', path.join(folder, 'keys')]);
    node.runningAndWaiting = async () => {
        const { engine } = await (await fetch(`${node.origin}/v1/status`, { headers: { authorization: 'Bearer watch-0123456789abcd' } })).json();
        return engine.running + engine.waiting;
    };
    const problems = [];
    const warm = await phase(node, { attackers, seconds: Math.min(seconds, 10), streams });
    const before_mb = heldMemory_mb(node.child.pid);
    const attacked = await phase(node, { attackers, seconds, streams });
    const after_mb = heldMemory_mb(node.child.pid);
    tell('attacked', attacked);
    const harmless = await phase(node, { attackers, seconds, streams, harmless: given.harmless ?? 'tokenize', pause_ms: (attackers * seconds * 1000) / Math.max(attacked.sent, 1) });
    tell('harmless', harmless);
    const ratio = percentile(attacked.gaps_ms, 0.99) / percentile(harmless.gaps_ms, 0.99);
    console.log(`99th percentile between tokens: ${ratio.toFixed(2)} times that beside harmless requests; memory ${before_mb.toFixed(0)} MB, afterwards ${after_mb.toFixed(0)} MB, `
        + `most ${peak_mb(node.child.pid).toFixed(0)} MB`);
    for (const part of [warm, attacked, harmless]) if (part.failures.length > 0) problems.push(`${part.failures.length} honest streams failed`);
    if (!(ratio <= Number(given.ratio ?? 2))) problems.push('the honest ones wait too long between tokens');
    if (after_mb - before_mb > grownLimit_mb) problems.push('memory grew');
    if (await node.stop() !== 0) problems.push(`the node ended badly: ${node.log().slice(-500)}`);
    fs.rmSync(folder, { recursive: true });
    for (const problem of problems) console.log(`FAILED: ${problem}`);
    process.exitCode = problems.length === 0 ? 0 : 1;
}

if (process.env.CLIENTS) {
    const work = JSON.parse(process.env.CLIENTS);
    await (work.kind === 'crowd' ? crowd(work) : talk(work));
} else if (process.argv[1] === file) {
    await main();
}
