// Deploying with scripts/restart-and-deploy-openai.sh, as plain processes: a new model that fails its check is rolled
// back by itself while a client keeps asking; a preflight that fails touches nothing.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { binary } from './support/node.mjs';
import { freePort, haproxyIsHere, startHaproxy } from './support/haproxy.mjs';

const root = new URL('..', import.meta.url).pathname;
const demo = path.join(root, 'models/demo');

// A place to deploy to: settings, two profiles (the "120b" is the demo model with another context), its own state.
async function makeSite(t, settings = {}) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-deploy-'));
    const at = (name) => path.join(folder, name);
    const port = settings.API_PORT ?? await freePort();
    const write = (name, values) => fs.writeFileSync(at(name), Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join(''));
    const usual = { API_PORT: port, GPTOSS_THREADS: 1, GPTOSS_DEVICE: 'cpu', ...settings };
    write('env.prod', usual);
    fs.mkdirSync(at('profiles'));
    fs.mkdirSync(at('models'));
    for (const part of fs.readdirSync(demo).filter((name) => name.endsWith('.gguf'))) fs.copyFileSync(path.join(demo, part), at(`models/${part}`));
    fs.copyFileSync(path.join(root, 'deploy/profiles/demo.env'), at('profiles/demo.env'));
    const large = { MODEL_PATH: '/models/gpt-oss-demo-00001-of-00003.gguf', MAX_CONTEXT_LENGTH: 32768 };
    write('profiles/120b.env', large);
    // Stands in for `gpt-oss-node check`, so that its verdict is the test's choice: slow is what it is told to find.
    fs.writeFileSync(at('check'), `#!/bin/sh
for each in "$@"; do if [ "$each" = "tokens per second" ]; then only=alone; fi; done
case "$*" in *"--min-tokens-per-second 1000000"*) printf '{"checks":[{"name":"tokens per second","passed":false,"detail":"%s\\\\u0000\\\\u001b\\\\nslow"}]}' "$only"; exit 1 ;; esac
while [ "$1" != --url ]; do shift; done
exec curl --fail --silent "$2/v1/chat/completions" --data '{"messages":[{"role":"user","content":"What is 2+2?"}]}'
`, { mode: 0o755 });
    const run = (...args) => new Promise((resolve) => {
        execFile(path.join(root, 'scripts/restart-and-deploy-openai.sh'),
            ['--runtime', 'process', '--node', binary, '--state', at('state'), '--models', at('models'), '--env-file', at('env.prod'),
                '--check-command', at('check'), ...args],
            { env: { ...process.env, DEPLOY_PROFILES: at('profiles'), ...site.env } },
            (problem, stdout, stderr) => resolve({ code: problem?.code ?? 0, out: stdout + stderr }));
    });
    const site = {
        at, port, run, write, usual, large, env: {}, origin: `http://127.0.0.1:${port}`,
        running: () => fs.readFileSync(at('state/running/record'), 'utf8'),
    };
    // Also after a failure: what was deployed outlives this process.
    t.after(async () => { await run('stop'); fs.rmSync(folder, { recursive: true }); });
    return site;
}

// A client that asks one thing after the other, streaming every other time. `patience`: how often it tries again when
// the connection is refused or the node says 503, as OpenAI's SDKs do.
function startClient(origin, patience) {
    const results = [];
    let over = false;
    const ask = async (stream) => {
        const body = JSON.stringify({ messages: [{ role: 'user', content: 'Count to 5' }], stream, max_tokens: 60 });
        const result = { tries: 0, node: null, model: null, error: 'never tried' };
        while (result.error && result.tries <= patience) {
            result.tries += 1;
            result.error = null;
            let began = false;
            try {
                const reply = await fetch(`${origin}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(30_000) });
                result.node = reply.headers.get('x-node');
                began = reply.status === 200;
                const text = await reply.text();
                const complete = stream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text).choices;
                if (!began || !complete) result.error = `status ${reply.status}: ${text.slice(-100)}`;
            } catch (problem) {
                result.error = problem.cause?.code ?? problem.message;
            }
            if (result.error && began) break;   // lost: part of an answer was there
            if (result.error) await pause(100);
        }
        results.push(result);
    };
    const loops = [true, false].map(async (stream) => { 
        while (!over) {
            await ask(stream);
            await pause(100);   // the deployment needs the processor too
        }
    });
    return { results, stop: async () => { over = true; await Promise.all(loops); return results; } };
}

const pause = (time_ms) => new Promise((resolve) => setTimeout(resolve, time_ms));
const lostOf = (results) => results.filter((result) => result.error);

test('a node that fails its check is rolled back; nothing is lost, waiting requests are answered', async (t) => {
    const site = await makeSite(t);
    const first = await site.run('--profile', 'demo');
    assert.equal(first.code, 0, first.out);
    const before = site.running();
    const client = startClient(site.origin, 200);

    const failed = await site.run('--profile', '120b', '--check', '--min-tokens-per-second 1000000 --only "tokens per second"');
    assert.equal(failed.code, 1, failed.out);
    // The quotes kept the name together, and what the node said did not reach the terminal as it was.
    assert.match(failed.out, /check failed: tokens per second \(alone slow\)/);
    assert.match(failed.out, /Rolling back to demo/);
    const results = await client.stop();
    assert.deepEqual(lostOf(results), []);
    t.diagnostic(`${results.length} requests while two nodes came and went, 0 lost, ${results.filter((each) => each.tries > 1).length} tried again`);
    const field = (record, name) => record.match(new RegExp(`^${name}=(.*)$`, 'm'))[1];
    assert.equal(field(site.running(), 'profile'), 'demo');
    assert.notEqual(field(site.running(), 'reference'), field(before, 'reference'));
    const ready = await (await fetch(`${site.origin}/ready`)).json();
    assert.deepEqual([ready.status, ready.context_length], ['ready', 4096]);
    assert.ok(!fs.existsSync(site.at('state/previous')), 'a node that never worked is nothing to go back to');

    const worked = await site.run('--profile', '120b');
    assert.equal(worked.code, 0, worked.out);
    assert.equal((await (await fetch(`${site.origin}/ready`)).json()).context_length, 32768);
    const back = await site.run('rollback');
    assert.equal(back.code, 0, back.out);
    assert.equal((await (await fetch(`${site.origin}/ready`)).json()).context_length, 4096);
});

test('behind HAProxy nobody notices: neither a failed deployment, nor one that works, nor going back',
    { skip: haproxyIsHere ? false : 'haproxy is not installed' }, async (t) => {
        const site = await makeSite(t);
        site.env = { DEPLOY_BLUE_PORT: await freePort(), DEPLOY_GREEN_PORT: await freePort() };
        const front = await startHaproxy('single.cfg', { blue: site.env.DEPLOY_BLUE_PORT, green: site.env.DEPLOY_GREEN_PORT });
        t.after(() => front.stop());
        site.env.DEPLOY_FRONT = front.socket;
        const first = await site.run('--profile', 'demo');
        assert.equal(first.code, 0, first.out);
        const client = startClient(front.origin, 0);
        const failed = await site.run('--profile', '120b', '--check', '--min-tokens-per-second 1000000');
        assert.equal(failed.code, 1, failed.out);
        const nodes = new Set(client.results.map((result) => result.node));
        assert.deepEqual([...nodes], ['blue'], 'the node that failed got no request');
        const worked = await site.run('--profile', '120b');
        assert.equal(worked.code, 0, worked.out);
        assert.match(worked.out, /beside the running one/);
        const back = await site.run('rollback');
        assert.equal(back.code, 0, back.out);
        const results = await client.stop();
        assert.deepEqual(lostOf(results), []);
        assert.ok(results.some((result) => result.node === 'green') && results.at(-1).node === 'blue');
        t.diagnostic(`${results.length} requests without a retry of the client's, 0 lost, over one failed deployment, one that worked, one rollback`);
        });

test('what a preflight finds stops the deployment and nothing else', async (t) => {
    const site = await makeSite(t);
    const first = await site.run('--profile', 'demo');
    assert.equal(first.code, 0, first.out);
    const before = [site.running(), fs.readdirSync(site.at('state/deployments'))];
    const unchanged = async (result, code, complaint) => {
        assert.equal(result.code, code, result.out);
        assert.match(result.out, complaint);
        assert.deepEqual([site.running(), fs.readdirSync(site.at('state/deployments'))], before);
        assert.equal((await fetch(`${site.origin}/ready`)).status, 200);
    };
    const refused = (complaint, ...args) => site.run('--profile', '120b', ...args).then((result) => unchanged(result, 3, complaint));

    await unchanged(await site.run('--profile', '120b', '--dry-run'), 0, /dry run: nothing was touched/);
    await unchanged(await site.run('--profile', '999b'), 64, /no profile 999b/);
    await unchanged(await site.run('rollback'), 3, /nothing to go back to/);

    site.write('env.prod', { ...site.usual, HOST_PRIVATE_KEY: `0x${'ab'.repeat(32)}` });
    await refused(/secrets stand in the settings: HOST_PRIVATE_KEY/);
    site.write('env.prod', { ...site.usual, GPTOSS_NO_SUCH: 1 });
    await refused(/GPTOSS_NO_SUCH/);
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    site.write('env.prod', { ...site.usual, API_PORT: other.address().port });
    await refused(/taken by another program/);
    other.close();
    site.write('env.prod', site.usual);

    site.write('profiles/120b.env', { ...site.large, MAX_CONTEXT_LENGTH: 131072, GPTOSS_MAX_SEQUENCES: 4096, GPTOSS_CACHE_TOKENS: 2_000_000_000 });
    await refused(/memory .*needs .* would be free/);
    site.write('profiles/120b.env', site.large);
    await refused(/not built here/, '--node', '/no/such/node');

    // What `qualify` decided for this machine is kept to; a decision that was edited is none.
    fs.writeFileSync(site.at('decision.json'), '{"decisions": []}');
    site.write('env.prod', { ...site.usual, GPTOSS_QUALIFICATION_PATH: site.at('decision.json') });
    site.env.QUALIFY = 'always';
    await refused(/kernels .*holds no decisions/);
    // A device that is not known to compute right: here there was no time to try it.
    site.write('env.prod', { ...site.usual, GPTOSS_QUALIFICATION_PATH: site.at('undecided.json') });
    site.env.QUALIFY_MINUTES = '0.001';
    await refused(/kernels .*failed +no time to try kernels/);
    assert.ok(!fs.existsSync(site.at('undecided.json')), 'nothing was decided');
    site.write('env.prod', site.usual);
    site.env = {};

    const part = site.at('models/gpt-oss-demo-00002-of-00003.gguf');
    const bytes = fs.readFileSync(part);
    await new Promise((resolve) => execFile(binary, ['verify', '--model', part, '--write-manifest'], resolve));
    bytes[bytes.length - 1000] ^= 1;
    fs.writeFileSync(part, bytes);
    await refused(/model .*manifest/);
    fs.rmSync(part);
    await refused(/00002-of-00003/);
});
