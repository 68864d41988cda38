// What an operator does to a running node: certificates, keys, limits, another model, looking and ending.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { events, startNode, waitFor } from './support/node.mjs';

let folder;
before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-')); });
after(() => fs.rmSync(folder, { recursive: true }));

const chat = '/v1/chat/completions';
const ask = (content, more = {}) => ({ messages: [{ role: 'user', content }], temperature: 0, ...more });
const poem = ask('Write a short poem about computers.', { stream: true, max_tokens: 200, temperature: 1 });

function makeCertificate(name) {
    const files = { certificate: path.join(folder, 'node.crt'), key: path.join(folder, 'node.key') };
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
        '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.certificate], { stdio: 'ignore' });
    return files;
}

// A reply over TLS, with the name in the certificate that was shown.
function getSecurely(url, ca, { method = 'GET', body } = {}) {
    return new Promise((resolve, reject) => {
        const request = https.request(url, { method, ca, agent: false, headers: { 'content-type': 'application/json' } }, (response) => {
            const name = response.socket.getPeerCertificate().subject.CN;
            let text = '';
            response.on('data', (piece) => { text += piece; });
            response.on('end', () => resolve({ status: response.statusCode, text, name }));
        });
        request.on('error', reject);
        request.end(body);
    });
}

test('serves over TLS and takes a renewed certificate at SIGHUP', async () => {
    const { certificate, key } = makeCertificate('first');
    const ca = () => fs.readFileSync(certificate);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // only for startNode, which waits for /ready
    const node = await startNode(['--tls-certificate-file', certificate, '--tls-key-file', key]);
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    assert.match(node.origin, /^https:/);
    const first = await getSecurely(`${node.origin}${chat}`, ca(), { method: 'POST', body: JSON.stringify(ask('What is 2+2?')) });
    assert.equal(first.status, 200);
    assert.equal(first.name, 'first');
    assert.match(JSON.parse(first.text).choices[0].message.content, /4/);
    const stream = await getSecurely(`${node.origin}${chat}`, ca(), { method: 'POST', body: JSON.stringify(poem) });
    assert.ok(stream.text.endsWith('data: [DONE]\n\n'));
    await assert.rejects(fetch(node.origin.replace('https', 'http')));
    makeCertificate('second');
    node.child.kill('SIGHUP');
    await waitFor(async () => (await getSecurely(`${node.origin}/health`, ca())).name === 'second');
    fs.writeFileSync(certificate, 'not a certificate');
    node.child.kill('SIGHUP');
    await waitFor(() => node.log().includes('nothing was changed'));
    assert.equal(await node.stop(), 0);
});

test('a client that leaves a TLS stream stops its work', async () => {
    const { certificate, key } = makeCertificate('third');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    const node = await startNode(['--tls-certificate-file', certificate, '--tls-key-file', key]);
    const controller = new AbortController();
    const reply = await node.post(chat, { ...poem, n: 8, max_tokens: 2000 }, { signal: controller.signal });
    assert.equal(reply.status, 200);
    await waitFor(async () => await node.metric('gptoss_sequences_running') > 0);
    controller.abort();
    await waitFor(async () => await node.metric('gptoss_sequences_running') === 0);
    assert.ok(await node.metric('gptoss_generations_total{reason="cancelled"}') > 0);
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    await node.stop();
});

test('SIGHUP changes settings and swaps the model without cutting streams', async () => {
    const settings = path.join(folder, 'settings.env');
    fs.writeFileSync(settings, 'GPTOSS_MODEL_NAME=first\n');
    const node = await startNode(['--env-file', settings]);
    const streams = (await Promise.all(Array.from({ length: 4 }, () => node.post(chat, poem)))).map((reply) => events(reply));
    fs.writeFileSync(settings, 'GPTOSS_MODEL_NAME=second\nMAX_CONTEXT_LENGTH=2048\nGPTOSS_REQUESTS_PER_MINUTE=1000\nGPTOSS_QUEUE_LIMIT=77\n');
    node.child.kill('SIGHUP');
    await waitFor(async () => (await (await fetch(`${node.url}/models`)).json()).data[0].id === 'second');
    const { data: [model] } = await (await fetch(`${node.url}/models`)).json();
    assert.equal(model.context_length, 2048);
    const reply = await (await node.post(chat, ask('What is 2+2?'))).json();
    assert.equal(reply.model, 'second');
    for (const stream of streams) {
        const list = await stream;
        assert.equal(list.at(-1), '[DONE]');
        assert.equal(list[0].model, 'first');
        const finishes = list.flatMap((event) => event.choices ?? []).map((choice) => choice.finish_reason).filter(Boolean);
        assert.equal(finishes.length, 1);
        assert.match(finishes[0], /stop|length/);
    }
    // Counters go on over the change, and what is wrong changes nothing.
    assert.ok(await node.metric('gptoss_generated_tokens_total') > 0);
    fs.writeFileSync(settings, 'GPTOSS_MODEL_NAME=third\nMAX_CONTEXT_LENGTH=lots\n');
    node.child.kill('SIGHUP');
    await waitFor(() => /nothing was changed.*MAX_CONTEXT_LENGTH/.test(node.log()));
    assert.equal((await (await fetch(`${node.url}/models`)).json()).data[0].id, 'second');
    assert.equal(await node.stop(), 0);
});

test('operators look and end requests on a port of their own', async () => {
    const secret = path.join(folder, 'admin-key');
    fs.writeFileSync(secret, 'operator-0123456789\n');
    const node = await startNode(['--admin-port', '0'], { GPTOSS_ADMIN_KEY_FILE: secret });
    const admin = await waitFor(() => node.log().match(/operators: (http:\S+)\/admin\/status/)?.[1]);
    const operator = (route, method = 'GET') => fetch(`${admin}${route}`, { method, headers: { authorization: 'Bearer operator-0123456789' } });
    assert.equal((await fetch(`${admin}/admin/requests`)).status, 401);
    assert.equal((await fetch(`${node.origin}/admin/requests`)).status, 404);
    const reply = await node.post(chat, { ...poem, n: 16, max_tokens: 3000 }, { headers: { 'x-request-id': 'endless-1' } });
    assert.equal(reply.headers.get('x-request-id'), 'endless-1');
    const stream = events(reply);
    await waitFor(async () => (await (await operator('/admin/requests')).json()).requests.some((each) => each.id === 'endless-1' && each.completion_tokens > 0));
    assert.equal((await operator('/admin/requests/endless-1', 'DELETE')).status, 200);
    const list = await stream;
    assert.equal(list.at(-1), '[DONE]');
    assert.ok(list.flatMap((event) => event.choices ?? []).some((choice) => choice.finish_reason === 'cancelled'));
    // The last of its sixteen answers may still be on its way out of the list when the stream has ended.
    await waitFor(async () => (await (await operator('/admin/requests')).json()).requests.length === 0);
    const { clients } = await (await operator('/admin/clients')).json();
    assert.equal(clients[0].client, '127.0.0.1');
    assert.equal(clients[0].requests, 1);
    assert.ok(clients[0].completion_tokens > 0);
    assert.equal((await operator('/admin/reload', 'POST')).status, 202);
    await node.stop();
});

test('refuses a client beyond its limits, with the time to wait', async () => {
    const node = await startNode(['--requests-per-minute', '2']);
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push(await node.post(chat, ask('Hi', { max_tokens: 4 })));
    assert.deepEqual(statuses.map((reply) => reply.status), [200, 200, 429]);
    assert.ok(Number(statuses[2].headers.get('retry-after')) > 1);
    assert.equal((await statuses[2].json()).error.code, 'rate_limit_exceeded');
    await node.stop();
});

test('logs JSON with request ids and never what was said', async () => {
    const node = await startNode(['--log-format', 'json']);
    const reply = await node.post(chat, ask('What is the secret word platypus?', { max_tokens: 16 }), { headers: { 'x-request-id': 'r-1' } });
    assert.equal(reply.status, 200);
    await reply.json();
    await waitFor(() => node.log().includes('"r-1"'));
    const lines = node.log().trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.every((line) => line.time && line.level && line.message));
    const line = lines.find((each) => each.id === 'r-1');
    assert.equal(line.message, 'request');
    assert.equal(line.route, chat);
    assert.equal(line.status, 200);
    assert.ok(line.prompt_tokens > 10 && line.completion_tokens > 0 && line.duration_ms >= 0);
    assert.doesNotMatch(node.log(), /platypus/);
    await node.stop();
});
