// A started gpt-oss-node on a free port, with the demo model or another.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import './end_of_file.mjs';

export const binary = process.env.GPT_OSS_NODE ?? new URL('../../build/release/gpt-oss-node', import.meta.url).pathname;

// The test runner has several nodes side by side: threads that spin for each other would take turns, and what steps of 2,048 rows
// take is measured at each start. What is run by itself, to measure, serves as the node does by default.
const besideOthers = process.env.NODE_TEST_CONTEXT === undefined ? {} : { GPTOSS_THREADS: '1', LLAMA_BATCH_SIZE: '256' };

// A test that failed before it could stop what it started must leave nothing behind.
const started = new Set();
process.once('exit', () => started.forEach((child) => child.kill('SIGKILL')));
export function endWithTest(child) {
    started.add(child);
    child.once('exit', () => started.delete(child));
}

// `isUp` looks at /ready's status and tells when the node is where the test wants it.
export async function startNode(args = [], env = {}, program = binary, isUp = (status) => status === 'ready') {
    const port = args.includes('--port') ? [] : ['--port', '0'];
    const child = spawn(program, ['serve', ...port, '--date', '2026-11-22', ...args],
        { cwd: '/', env: { PATH: process.env.PATH, ...besideOthers, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    endWithTest(child);
    let log = '';
    child.stderr.on('data', (data) => { log += data; });
    const exited = once(child, 'exit');
    const over = () => child.exitCode !== null || child.signalCode !== null;
    const whenReady = async () => {
        const address = await waitFor(() => log.match(/listening on (https?:[^\s"]+)[\s"]/)?.[1], over, () => log);
        await waitFor(async () => isUp((await (await fetch(`${address}/ready`)).json()).status), over, () => log);
        return address;
    };
    const origin = await whenReady().catch((error) => { child.kill('SIGKILL'); throw error; });
    return {
        origin,
        url: `${origin}/v1`,
        log: () => log,
        child,
        // The exit code once it has stopped by itself.
        exited: async () => (await exited)[0],
        stop: async () => { child.kill('SIGTERM'); return (await exited)[0]; },
        post: (path, body, options = {}) => fetch(`${origin}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
            ...options, headers: { 'content-type': 'application/json', ...options.headers } }),
        metric: async (name) => {
            const text = await (await fetch(`${origin}/metrics`)).text();
            const line = text.split('\n').find((each) => each.startsWith(`${name} `));
            return line === undefined ? 0 : Number(line.split(' ')[1]);
        },
    };
}

// Polls until `check` gives something; fails when `over` says that it never will, or after a minute.
export async function waitFor(check, over = () => false, why = () => '') {
    const deadline = Date.now() + 60_000;
    for (;;) {
        const result = await Promise.resolve().then(check).catch(() => undefined);
        if (result) return result;
        if (over() || Date.now() > deadline) throw new Error(`waited in vain: ${why()}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

// The events of a streamed reply: parsed JSON, and the string "[DONE]".
export async function events(response) {
    const text = await response.text();
    return text.split('\n\n').filter((event) => event.startsWith('data: '))
        .map((event) => (event === 'data: [DONE]' ? '[DONE]' : JSON.parse(event.slice(6))));
}

export const weatherTool = {
    type: 'function',
    function: {
        name: 'get_weather', description: 'The weather in a city.',
        parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
};
