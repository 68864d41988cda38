// What once brought a node down, or made everybody wait, one request at a time: the node stays, answers others meanwhile,
// and no request takes more than two seconds of processor time or 200 MB (docs/security.md).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { attacks, endless } from './support/attacks.mjs';
import { startNode, waitFor } from './support/node.mjs';
import { peak_mb, processor_s, resetPeak, resident_mb } from './support/process_cost.mjs';

const mostProcessor_s = 2, most_mb = 200;
const key = 'attacker-0123456789';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostile-'));
let node;
before(async () => {
    fs.writeFileSync(path.join(folder, 'keys'), `attacker ${key}\nhonest honest-0123456789ab\n`);
    // One thread computes: what the attacks cost is seen beside what answering takes.
    node = await startNode(['--context', '8192', '--max-sequences', '4', '--threads', '1', '--api-keys-file', path.join(folder, 'keys')]);
});
after(async () => {
    assert.equal(await node?.stop(), 0);
    fs.rmSync(folder, { recursive: true });
});

// Runs `attack` while others ask for /health all the time; tells what it cost.
async function watched(attack) {
    const { pid } = node.child;
    resetPeak(pid);
    const before_s = processor_s(pid), before_mb = resident_mb(pid);
    let over = false, health = 0;
    const others = (async () => {
        while (!over) {
            assert.equal((await fetch(`${node.origin}/health`)).status, 200);
            health += 1;
            await new Promise((resolve) => { setTimeout(resolve, 20); });
        }
    })();
    const result = await attack().finally(() => { over = true; });
    await others;
    return { result, health, cost_s: processor_s(pid) - before_s, more_mb: peak_mb(pid) - before_mb };
}

function assertCheap(t, { cost_s, more_mb, health }) {
    t.diagnostic(`${cost_s.toFixed(2)} s, ${more_mb.toFixed(0)} MB, ${health} other requests meanwhile`);
    assert.ok(cost_s <= mostProcessor_s, `took ${cost_s} s of processor time`);
    assert.ok(more_mb <= most_mb, `took ${more_mb} MB`);
    assert.ok(health > 0);
    assert.equal(node.child.exitCode ?? node.child.signalCode, null, node.log().slice(-1000));
}

for (const [name, make] of Object.entries(attacks)) {
    test(name, async (t) => {
        const [route, body] = make();
        const cost = await watched(async () => {
            const reply = await node.post(route, body, { headers: { authorization: `Bearer ${key}` } });
            await reply.text();
            return reply.status;
        });
        assert.ok([200, 400, 413].includes(cost.result), `status ${cost.result}`);
        assertCheap(t, cost);
    });
}

// Sends until the node ends the connection, or half a gigabyte is gone.
function pour({ head, piece }) {
    return new Promise((resolve) => {
        const { hostname, port } = new URL(node.origin);
        const socket = net.connect(Number(port), hostname);
        let sent = 0, said = '';
        const more = () => { while (sent < 1 << 29 && socket.writable) { sent += piece.length; if (!socket.write(piece)) return; } socket.destroy(); };
        socket.on('connect', () => { socket.write(head); more(); });
        socket.on('drain', more);
        socket.on('data', (data) => { said += data; });
        socket.on('error', () => {});
        socket.on('close', () => resolve({ sent, said }));
    });
}

for (const [name, bytes] of Object.entries(endless)) {
    test(`${name} without end, without a key`, async (t) => {
        const cost = await watched(() => pour(bytes));
        assert.ok(cost.result.sent < 1 << 29, 'the node ended it');
        assertCheap(t, cost);
    });
}

test('bodies that nobody may send are not held', async (t) => {
    const { hostname, port } = new URL(node.origin);
    const cost = await watched(async () => {
        const sockets = Array.from({ length: 60 }, () => net.connect(Number(port), hostname));
        for (const socket of sockets) {
            socket.on('error', () => {});
            socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${32 << 20}\r\n\r\n`);
            socket.write(Buffer.alloc(4 << 20, 'x'));
        }
        await Promise.all(sockets.map((socket) => new Promise((resolve) => { socket.on('close', resolve); socket.resume(); })));
    });
    assertCheap(t, cost);
});

test('an honest client is answered while every attacker\'s request is read', async () => {
    const headers = { authorization: `Bearer ${key}` };
    const bodies = ['30 MB of text', '100,000 tools', 'ten million empty arrays'].map((name) => attacks[name]());
    let over = false;
    const attackers = Array.from({ length: 6 }, async (_, index) => {
        while (!over) {
            const [route, body] = bodies[index % bodies.length];
            await node.post(route, body, { headers }).then((reply) => reply.text()).catch(() => {});
        }
    });
    for (let asked = 0; asked < 5; asked += 1) {
        const reply = await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'What is 2+2?' }], temperature: 0, max_tokens: 100 },
            { headers: { authorization: 'Bearer honest-0123456789ab' } });
        assert.equal(reply.status, 200);
        assert.match((await reply.json()).choices[0].message.content, /4/);
    }
    over = true;
    await Promise.all(attackers);
    await waitFor(async () => (await fetch(`${node.origin}/ready`)).status === 200);
});
