// tests/http/scripted_node: the real server, engine, masks and parser around a model that says what a script tells.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary, endWithTest } from './node.mjs';

export const scriptedNode = process.env.SCRIPTED_NODE ?? path.join(path.dirname(binary), 'tests/http/scripted_node');

// `script`: [{ user, say }, { contains, say }, …], as tests/http/scripted_node.cpp reads it.
export async function startScript(script, args = []) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'script-'));
    const file = path.join(folder, 'script.jsonl');
    fs.writeFileSync(file, script.map((line) => JSON.stringify(line)).join('\n'));
    const child = spawn(scriptedNode, [file, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    endWithTest(child);
    const exited = once(child, 'exit');
    let log = '';
    const origin = await new Promise((resolve, reject) => {
        // The line may come in pieces.
        child.stderr.on('data', (data) => {
            log += data;
            const found = log.match(/listening on (http:\S+)\n/);
            if (found) resolve(found[1]);
        });
        exited.then(() => reject(new Error(`the scripted node ended: ${log}`)));
    });
    const post = (where, body) => fetch(`${origin}${where}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return {
        origin,
        url: `${origin}/v1`,
        folder,
        post,
        chat: async (body) => (await post('/v1/chat/completions', body)).json(),
        stop: async (signal = 'SIGTERM') => {
            child.kill(signal);
            await exited;
            fs.rmSync(folder, { recursive: true });
        },
    };
}

// What gpt-oss says, in harmony.
export const think = (text) => `<|channel|>analysis<|message|>${text}<|end|><|start|>assistant`;
export const tell = (text) => `<|channel|>commentary<|message|>${text}<|end|><|start|>assistant`;
export const answer = (text) => `<|channel|>final<|message|>${text}<|return|>`;
export const call = (name, input) => ` to=functions.${name}<|channel|>commentary <|constrain|>json<|message|>${JSON.stringify(input)}<|call|>`;
