// Several nodes behind HAProxy, with the configuration of deploy/haproxy/fleet.cfg: conversations stay where their
// prefix is cached, and a node may die, come back and leave while requests keep coming.
import test from 'node:test';
import assert from 'node:assert/strict';
import { startNode, waitFor } from './support/node.mjs';
import { freePort, haproxyIsHere, startHaproxy } from './support/haproxy.mjs';

const skip = haproxyIsHere ? false : 'haproxy is not installed';
const options = ['--device', 'cpu', '--context', '8192', '--threads', '1'];
const startOn = (port) => startNode([...options, '--port', String(port)]);
const pause = (time_ms) => new Promise((resolve) => setTimeout(resolve, time_ms));

// A chat of some turns, each with all that was said before; returns the tokens sent and those found cached.
async function converse(origin, number, turns) {
    const facts = Array.from({ length: 12 }, (_, i) => `Note ${i} of chat ${number}: ${number * 31 + i * 7} is kept on shelf ${i + number}.`);
    const messages = [{ role: 'system', content: 'You help with a stock list.' }, { role: 'user', content: facts.join(' ') }];
    const used = { prompt: 0, cached: 0, nodes: new Set() };
    for (let turn = 0; turn < turns; turn += 1) {
        const reply = await fetch(`${origin}/v1/chat/completions`, {
            method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ messages, temperature: 0, max_tokens: 24, reasoning_effort: 'low' }),
        });
        assert.equal(reply.status, 200);
        const { usage, choices } = await reply.json();
        used.nodes.add(reply.headers.get('x-node'));
        if (turn > 0) {   // the first turn has nothing to find
            used.prompt += usage.prompt_tokens;
            used.cached += usage.prompt_tokens_details.cached_tokens;
        }
        messages.push({ role: 'assistant', content: choices[0].message.content ?? '' }, { role: 'user', content: `And what about note ${turn}?` });
    }
    return used;
}

async function hitRate(change) {
    const nodes = { node1: await freePort(), node2: await freePort() };
    const started = await Promise.all(Object.values(nodes).map(startOn));
    const front = await startHaproxy('fleet.cfg', nodes, change);
    await waitFor(async () => (await fetch(`${front.origin}/ready`)).status === 200);
    const chats = [];
    // One after another: two at once may fall into step, and taking turns then keeps each at its node by luck.
    for (let number = 0; number < 8; number += 1) chats.push(await converse(front.origin, number, 4));
    await front.stop();
    await Promise.all(started.map((node) => node.stop()));
    const sum = (pick) => chats.reduce((total, chat) => total + pick(chat), 0);
    return { rate: sum((chat) => chat.cached) / sum((chat) => chat.prompt), nodes: new Set(chats.flatMap((chat) => [...chat.nodes])).size,
        moved: chats.filter((chat) => chat.nodes.size > 1).length };
}

test('a conversation stays on the node that has its prefix', { skip }, async (t) => {
    const affine = await hitRate();
    const spread = await hitRate((text) => text.replace(/balance hash .*\n(?: {4}hash-.*\n)*/, 'balance roundrobin\n').replace(/ {4}hash-.*\n/g, ''));
    t.diagnostic(`prompt tokens of later turns found cached: ${(100 * affine.rate).toFixed(1)} % with affinity `
        + `(${affine.moved} of 8 chats moved), ${(100 * spread.rate).toFixed(1)} % without (${spread.moved} moved)`);
    assert.equal(affine.nodes, 2, 'both nodes get conversations');
    assert.ok(affine.rate > spread.rate + 0.1, `${affine.rate} with, ${spread.rate} without`);
    assert.ok(affine.rate > 0.7, `${affine.rate}`);
});

test('the same conversation is recognised in every way a client tells it', { skip }, async () => {
    const ports = {};
    for (let number = 1; number <= 4; number += 1) ports[`node${number}`] = await freePort();
    // What answers does not matter here: HAProxy names the server it chose.
    const { createServer } = await import('node:http');
    const servers = Object.values(ports).map((port) => createServer((_, reply) => reply.end('{}')).listen(port, '127.0.0.1'));
    // Without the bound on a node's share, which sends some of many simultaneous requests elsewhere on purpose.
    const front = await startHaproxy('fleet.cfg', ports, (text) => text.replace(/ {4}hash-balance-factor .*\n/, ''));
    await waitFor(async () => (await fetch(`${front.origin}/ready`)).status === 200);
    const chosen = async (body, headers = {}) => {
        const reply = await fetch(`${front.origin}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
        await reply.text();
        return reply.headers.get('x-node');
    };
    const turns = (first, ...later) => [...first, ...later.flatMap((text) => [{ role: 'assistant', content: text }, { role: 'user', content: `more ${text}` }])];
    const seen = { header: new Set(), key: new Set(), user: new Set(), system: new Set(), long: new Set(), prompt: new Set() };
    for (let i = 0; i < 16; i += 1) {
        const user = [{ role: 'user', content: `Question ${i}` }];
        const system = [{ role: 'system', content: 'The same for all.' }, ...user];
        const long = [{ role: 'user', content: `Text ${i} `.repeat(40_000) }];   // far more than HAProxy looks at
        const ways = {
            header: [() => chosen({ messages: [{ role: 'user', content: String(Math.random()) }] }, { 'X-Conversation-Id': `c${i}` })],
            key: [() => chosen({ messages: [{ role: 'user', content: String(Math.random()) }], prompt_cache_key: `k${i}` })],
            user: [() => chosen({ messages: user }), () => chosen({ model: 'x', messages: turns(user, 'one', 'two') })],
            system: [() => chosen({ messages: system }), () => chosen({ messages: turns(system, 'one', 'two'), stream: true })],
            long: [() => chosen({ prompt_cache_key: `k${i}`, messages: long }), () => chosen({ prompt_cache_key: `k${i}`, messages: turns(long, 'one') })],
            prompt: [() => chosen({ prompt: `Once ${i}` }), () => chosen({ prompt: `Once ${i}`, max_tokens: 9 })],
        };
        for (const [way, requests] of Object.entries(ways)) {
            const nodes = new Set([...await Promise.all(requests.map((request) => request())), await requests[0]()]);
            assert.equal(nodes.size, 1, `${way} ${i}: ${[...nodes]}`);
            seen[way].add([...nodes][0]);
        }
    }
    for (const [way, nodes] of Object.entries(seen)) assert.ok(nodes.size >= 3, `${way} uses ${[...nodes]} of four nodes`);
    await front.stop();
    servers.forEach((server) => server.closeAllConnections() ?? server.close());
});

// Asks until told to stop, streaming every other time, without any retry of its own.
async function keepAsking(origin, name, over, results, streaming) {
    for (let i = 0; !over(); i += 1) {
        const stream = i % 2 === 0;
        const result = { node: null, stream, started: false, error: null };
        try {
            const reply = await fetch(`${origin}/v1/chat/completions`, {
                method: 'POST', headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(60_000),
                body: JSON.stringify({ messages: [{ role: 'user', content: `${name} asks: write a short poem about computers.` }], stream, max_tokens: 60 }),
            });
            result.node = reply.headers.get('x-node');
            result.started = true;
            if (stream) streaming.add(result);
            const text = await reply.text();
            const complete = stream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text).choices?.[0].finish_reason;
            if (reply.status !== 200 || !complete) result.error = `status ${reply.status}: ${text.slice(-200)}`;
        } catch (problem) {
            result.error = String(problem.cause?.message ?? problem.message);
        }
        result.ended_ms = Date.now();
        streaming.delete(result);
        results.push(result);
    }
}

test('a node is killed, comes back, another drains: only streams in flight on the killed one are lost', { skip }, async (t) => {
    const ports = { node1: await freePort(), node2: await freePort() };
    const nodes = { node1: await startOn(ports.node1), node2: await startOn(ports.node2) };
    const front = await startHaproxy('fleet.cfg', ports);
    await waitFor(async () => (await fetch(`${front.origin}/ready`)).status === 200);
    const results = [];
    const streaming = new Set();
    let over = false;
    t.after(() => { over = true; });   // clients of a test that failed would ask for ever
    const clients = Array.from({ length: 8 }, (_, i) => keepAsking(front.origin, `Client ${i}`, () => over, results, streaming));
    const answersOf = (name) => results.filter((result) => result.node === name && !result.error).length;

    await waitFor(() => answersOf('node1') > 2 && answersOf('node2') > 2);
    // Held still first: a stream may have had its last byte sent already, and would not be lost.
    await waitFor(async () => {
        nodes.node1.child.kill('SIGSTOP');
        await pause(100);
        if ([...streaming].some((result) => result.node === 'node1')) return true;
        nodes.node1.child.kill('SIGCONT');
        return pause(10);
    });
    nodes.node1.child.kill('SIGKILL');
    const killed_ms = Date.now();
    await nodes.node1.exited();
    await waitFor(() => results.filter((result) => result.ended_ms > killed_ms + 2000).length > 5);

    nodes.node1 = await startOn(ports.node1);
    const before = answersOf('node1');
    await waitFor(() => answersOf('node1') > before);
    const drained_ms = Date.now();
    assert.equal(await nodes.node2.stop(), 0, 'it finishes what it has');
    await pause(2000);
    over = true;
    await Promise.all(clients);

    const lost = results.filter((result) => result.error);
    t.diagnostic(`${results.length} requests, ${lost.length} lost: ${lost.filter((each) => each.stream).length} streams, `
        + `${lost.filter((each) => !each.stream).length} others`);
    for (const each of lost) {
        assert.equal(each.node, 'node1', each.error);
        assert.ok(each.stream && each.started, each.error);
        assert.ok(each.ended_ms < killed_ms + 2000, `lost ${each.ended_ms - killed_ms} ms after the kill: ${each.error}`);
    }
    assert.ok(lost.length > 0, 'the kill hit streams');
    assert.ok(results.some((each) => each.ended_ms > drained_ms + 1000 && !each.error));
    await front.stop();
    await nodes.node1.stop();
});
