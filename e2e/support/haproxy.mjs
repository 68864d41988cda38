// HAProxy with one of the configurations of deploy/haproxy, its addresses replaced by free ports.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { endWithTest, waitFor } from './node.mjs';

export const haproxyIsHere = spawnSync('haproxy', ['-v']).status === 0;

export async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

// `servers`: {name: port}, in place of the configuration's own. `change` may edit the text further.
export async function startHaproxy(name, servers, change = (text) => text) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-front-'));
    const port = await freePort();
    const socket = path.join(folder, 'admin.sock');
    const lines = Object.entries(servers).map(([server, at]) => `    server ${server} 127.0.0.1:${at}\n`).join('');
    const text = fs.readFileSync(new URL(`../../deploy/haproxy/${name}`, import.meta.url), 'utf8')
        .replace(/bind \S+/, `bind 127.0.0.1:${port}`)
        .replace(/stats socket \S+/, `stats socket ${socket}`)
        .replace(/(^ {4}server .*\n)+/m, lines);
    const file = path.join(folder, 'haproxy.cfg');
    fs.writeFileSync(file, change(text));
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    endWithTest(child);
    let log = '';
    child.stderr.on('data', (data) => { log += data; });
    const exited = once(child, 'exit');
    const origin = `http://127.0.0.1:${port}`;
    await waitFor(() => fetch(`${origin}/health`), () => child.exitCode !== null, () => log);
    return {
        origin,
        port,
        socket,
        log: () => log,
        stop: async () => { child.kill('SIGTERM'); await exited; fs.rmSync(folder, { recursive: true }); },
    };
}
