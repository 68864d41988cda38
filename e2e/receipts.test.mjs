// Receipts: asked for after a reply, checked by viem, by a contract on a real EVM and by our own command; tampered with;
// kept through kill -9; replayed.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { concatHex, hashTypedData, keccak256, numberToHex, recoverTypedDataAddress } from 'viem';
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { startChain, strangerKey } from './support/local_chain.mjs';
import { binary, events, startNode } from './support/node.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gptoss-receipts-'));
const database = path.join(folder, 'receipts.sqlite');
const keyFile = path.join(folder, 'host.key');
fs.writeFileSync(keyFile, strangerKey, { mode: 0o600 });
const host = privateKeyToAddress(strangerKey);
const env = { HOST_PRIVATE_KEY_FILE: keyFile, CHAIN_ID: '31337', GPTOSS_RECEIPTS: 'tokens', GPTOSS_RECEIPTS_PATH: database };
let node, chain, checker;

before(async () => {
    chain = await startChain();
    checker = await chain.deploy('ReceiptChecker');
    node = await startNode([], env);
});
after(async () => {
    await node?.stop();
    await chain?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const ask = async (changes = {}) => (await node.post('/v1/chat/completions',
    { messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 12, temperature: 0, ...changes })).json();
const fetchReceipt = (id) => fetch(`${node.url}/receipts/${id}`);
const receiptOf = async (id) => (await fetchReceipt(id)).json();
const typed = ({ types, primaryType, domain, message }) => ({ types, primaryType, domain,
    message: { ...message, seed: BigInt(message.seed), completedAt: BigInt(message.completedAt) } });
const tokensHash = (tokens) => keccak256(tokens.length ? concatHex(tokens.map((token) => numberToHex(token, { size: 4 }))) : '0x');
function command(...args) {
    const { status, stdout, stderr } = spawnSync(binary, ['receipt', ...args], { encoding: 'utf8', env: { PATH: process.env.PATH } });
    return { status, output: stdout + stderr };
}
function save(receipt, name = 'receipt.json') {
    const file = path.join(folder, name);
    fs.writeFileSync(file, JSON.stringify(receipt));
    return file;
}

test('a receipt says what was answered, and viem, a contract and our command find the host\'s signature', async () => {
    const reply = await ask({ seed: 2 ** 52 + 1 });
    const receipt = await receiptOf(reply.id);
    const { message } = receipt;
    assert.equal(message.id, reply.id);
    assert.equal(message.promptTokens, reply.usage.prompt_tokens);
    assert.equal(message.outputTokens, reply.usage.completion_tokens);
    assert.equal(message.reasoningTokens, reply.usage.completion_tokens_details.reasoning_tokens);
    assert.equal(message.seed, String(2 ** 52 + 1));
    assert.match(message.sampling, /^temperature=0 top_p=1 top_k=0 /);
    const { provenance } = await (await fetch(`${node.origin}/version`)).json();
    assert.equal(message.compositeHash, `0x${provenance.composite_sha256}`);
    assert.equal(message.promptHash, tokensHash(receipt.tokens.prompt));
    assert.equal(message.outputHash, tokensHash(receipt.tokens.output));
    assert.ok(Math.abs(Number(message.completedAt) - Date.now() / 1000) < 60);

    assert.equal(receipt.signer, host);
    assert.equal(await recoverTypedDataAddress({ ...typed(receipt), signature: receipt.signature }), host);
    assert.equal(await chain.reader.readContract({ ...checker, functionName: 'digest', args: [typed(receipt).message] }), hashTypedData(typed(receipt)));
    assert.equal(await chain.reader.readContract({ ...checker, functionName: 'signerOf', args: [typed(receipt).message, receipt.signature] }), host);
    const checked = command('check', save(receipt), '--signer', host);
    assert.equal(checked.status, 0, checked.output);
});

test('whatever field is changed, neither the contract nor the command finds the host any more', async () => {
    const receipt = await receiptOf((await ask()).id);
    const other = { string: (v) => `${v}x`, bytes32: (v) => v.replace(/.$/, (c) => (c === '0' ? '1' : '0')), uint32: (v) => v + 1, uint64: (v) => String(BigInt(v) + 1n) };
    for (const { name, type } of receipt.types.Receipt) {
        const forged = structuredClone(receipt);
        forged.message[name] = other[type](forged.message[name]);
        const signer = await chain.reader.readContract({ ...checker, functionName: 'signerOf', args: [typed(forged).message, receipt.signature] });
        assert.notEqual(signer, host, name);
        assert.equal(command('check', save(forged)).status, 4, name);
    }
    assert.equal(command('check', save({ ...receipt, domain: { ...receipt.domain, chainId: 1 } })).status, 4, 'another chain');
    assert.equal(command('check', save(receipt), '--signer', '0x70997970C51812dc3A010C7d01b50e0d17dc79C9'.toLowerCase()).status, 4, 'another signer');
    const stored = structuredClone(receipt);
    stored.tokens.output[0] += 1;
    assert.equal(command('check', save(stored)).status, 4, 'stored tokens that are not the signed ones');
    assert.equal(command('check', save({ ...receipt, signature: '0x12' })).status, 1);
});

test('streams, further choices and /v1/completions have receipts; cancelled and unknown ones have none', async () => {
    const two = await ask({ n: 2, temperature: 1, seed: 5 });
    const [first, second] = [await receiptOf(two.id), await receiptOf(`${two.id}.1`)];
    assert.deepEqual([first.message.seed, second.message.seed], ['5', '6']);
    const streamed = await (await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4, stream: true })).text();
    assert.equal((await receiptOf(JSON.parse(streamed.slice(6, streamed.indexOf('\n'))).id)).message.outputTokens, 4);
    const completion = await (await node.post('/v1/completions', { prompt: 'Hello', max_tokens: 4 })).json();
    assert.equal((await receiptOf(completion.id)).message.outputTokens, completion.usage.completion_tokens);
    assert.equal((await fetchReceipt('chatcmpl-nothing')).status, 404);
});

test('/v1/inference: the reply and the stream\'s last frame name a receipt of what they answered, which is no other client\'s', async () => {
    const infer = (changes = {}) => node.post('/v1/inference',
        { model: 'gpt-oss', prompt: 'Say hello.', max_tokens: 12, temperature: 0, seed: 9, request_id: 'job-7', chain_id: 84532, ...changes });
    const assertSigned = async (id, usage) => {
        const receipt = await receiptOf(id);
        const { message } = receipt;
        assert.equal(message.id, id);
        assert.deepEqual([message.promptTokens, message.outputTokens], [usage.prompt_tokens, usage.completion_tokens]);
        assert.equal(message.seed, '9');
        assert.match(message.sampling, /^temperature=0 /);
        assert.equal(message.promptHash, tokensHash(receipt.tokens.prompt));
        assert.equal(message.outputHash, tokensHash(receipt.tokens.output));
        assert.equal(receipt.domain.chainId, 31337, 'the node\'s chain signs, whichever one the request names');
        assert.equal(receipt.signer, host);
        assert.equal(await recoverTypedDataAddress({ ...typed(receipt), signature: receipt.signature }), host);
        assert.equal(await chain.reader.readContract({ ...checker, functionName: 'signerOf', args: [typed(receipt).message, receipt.signature] }), host);
        const checked = command('check', save(receipt), '--signer', host);
        assert.equal(checked.status, 0, checked.output);
        return receipt;
    };
    const reply = await (await infer()).json();
    const receipt = await assertSigned(reply.id, reply.usage);
    assert.equal(reply.tokens_used, receipt.message.outputTokens);
    const replayed = command('replay', save(receipt), '--model', new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname);
    assert.equal(replayed.status, 0, replayed.output);

    // The same job asked again, streamed: a receipt of its own, over the same tokens.
    const frames = (await events(await infer({ stream: true }))).filter((frame) => frame !== '[DONE]');
    const last = frames.at(-1);
    assert.equal(last.finish_reason, 'complete');
    const streamed = await assertSigned(last.id, last.usage);
    assert.notEqual(last.id, reply.id);
    assert.equal(last.request_id, reply.request_id);
    assert.equal(streamed.message.outputHash, receipt.message.outputHash);
    assert.equal((await fetchReceipt('job-7')).status, 404, 'a client\'s request_id is no receipt\'s name');

    const refused = await infer({ temperature: 3 });
    assert.equal(refused.status, 400);
    assert.equal((await refused.json()).id, undefined, 'nothing was answered: nothing is signed');
});

test('replayed, greedy and seeded: the same tokens; with another model\'s hash or forged tokens: said', async () => {
    const complete = async (changes = {}) => (await node.post('/v1/completions', { prompt: 'Once upon a time', max_tokens: 12, temperature: 0, ...changes })).json();
    const model = new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname;
    for (const changes of [{}, { temperature: 1, seed: 77, max_tokens: 20 }]) {
        const replayed = command('replay', save(await receiptOf((await complete(changes)).id)), '--model', model);
        assert.equal(replayed.status, 0, replayed.output);
        assert.match(replayed.output, /the same tokens: \d+/);
    }
    const receipt = await receiptOf((await complete()).id);
    const { tokens, ...bare } = receipt;
    assert.equal(command('replay', save(bare), '--model', model).status, 1, 'hashes alone cannot be replayed');
    assert.equal(command('replay', save(bare), '--model', model, '--tokens', save(tokens, 'tokens.json')).status, 0);
    assert.equal(command('replay', save({ ...receipt, tokens: { ...tokens, prompt: tokens.prompt.slice(1) } }), '--model', model).status, 4);
});

test('a buyer makes prompt and form from the request itself', async () => {
    const model = new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname;
    const date = '2026-11-22';  // the node's
    const form = (request, ...flags) => {
        const { status, stdout, stderr } = spawnSync(binary, ['receipt', 'form', '--model', model, ...flags], { input: JSON.stringify(request), encoding: 'utf8' });
        assert.equal(status, 0, stderr);
        return JSON.parse(stdout);
    };
    const schema = { type: 'object', properties: { answer: { type: 'integer' } }, required: ['answer'], additionalProperties: false };
    const chat = { messages: [{ role: 'user', content: 'What is 2+2?' }], reasoning_effort: 'low', max_tokens: 60, temperature: 0, stop: ['zz'],
        response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } };
    const inference = { model: 'gpt-oss', prompt: 'Say hello.', max_tokens: 8, temperature: 0 };
    const completion = { prompt: 'Once upon a time', max_tokens: 8, temperature: 0 };
    for (const [endpoint, address, request] of [['chat', '/v1/chat/completions', chat], ['inference', '/v1/inference', inference], ['completions', '/v1/completions', completion]]) {
        const reply = await (await node.post(address, request)).json();
        const { tokens, ...bare } = await receiptOf(reply.id);
        const made = form(request, '--endpoint', endpoint, '--date', date);
        assert.deepEqual(made, { prompt: tokens.prompt, form: tokens.form }, endpoint);
        const replay = (told) => command('replay', save(bare), '--model', model, '--tokens', save({ output: tokens.output, ...told }, 'tokens.json'));
        if (endpoint !== 'chat') {
            assert.equal(replay(made).status, 0, endpoint);
            continue;
        }
        const whole = form(request, '--date', date, '--reply', save(reply, 'reply.json'));
        assert.deepEqual(whole.output, tokens.output, 'the reply spelled again');
        assert.equal(replay(whole).status, 0);
        // The host says that it was asked something else.
        for (const told of [form({ ...chat, reasoning_effort: 'high' }, '--date', date), form(chat, '--date', '2001-01-01')]) {
            const refused = replay(told);
            assert.equal(refused.status, 4);
            assert.match(refused.output, /the prompt tokens given are not the signed ones/);
        }
        const refused = replay(form({ ...chat, stop: ['zzz'] }, '--date', date));
        assert.match(refused.output, /the form given is not the signed one/);
    }
});

test('whatever held a reply to a form is replayed with that form: tools, schemas, stop strings, n, penalties', async () => {
    const model = new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname;
    const tools = [{ type: 'function', function: { name: 'get_weather', strict: true,
        parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } } }];
    const schema = { type: 'object', properties: { answer: { type: 'integer' } }, required: ['answer'], additionalProperties: false };
    const weather = { messages: [{ role: 'user', content: 'What is the weather in Rome?' }], max_tokens: 200 };
    const asked = [
        { ...weather, tools, tool_choice: 'required', temperature: 1, seed: 3 },
        { ...weather, tools, parallel_tool_calls: true },
        { max_tokens: 200, temperature: 1, seed: 4, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } },
        { max_tokens: 200, temperature: 1, seed: 5, stop: ['l'] },
        { max_tokens: 30, temperature: 1.2, seed: 6, n: 2, frequency_penalty: 1, presence_penalty: 0.5, logit_bias: { 100: 3 } },
    ];
    const files = [], ends = [];
    for (const [index, changes] of asked.entries()) {
        const receipt = await receiptOf((await ask(changes)).id + (changes.n ? '.1' : ''));
        ends.push(receipt.message.finish);
        files.push(save(receipt, `form-${index}.json`));
    }
    assert.deepEqual([ends[0], ends[2], ends[3]], ['tool_calls', 'stop', 'stop_string']);
    const replayed = command('replay', ...files, '--model', model);
    assert.equal(replayed.status, 0, replayed.output);
    assert.equal(replayed.output.match(/the same tokens: \d+/g).length, files.length);

    // A host that lies signs again.
    const account = privateKeyToAccount(strangerKey);
    const signedAgain = async (receipt, change) => {
        const lie = structuredClone(receipt);
        change(lie);
        const { EIP712Domain, ...types } = lie.types;
        lie.signature = await account.signTypedData({ ...typed(lie), types });
        return lie;
    };
    const receipt = JSON.parse(fs.readFileSync(files[3], 'utf8'));
    const lies = {
        'a token': [(lie) => { lie.tokens.output[2] += 1; lie.message.outputHash = tokensHash(lie.tokens.output); }, /token 2 is .* seed and logits choose/],
        'an end': [(lie) => { lie.message.finish = 'length'; }, /ended by length, but its tokens end by stop_string/],
        'the weights': [(lie) => { lie.message.compositeHash = `0x${'1'.repeat(64)}`; }, /composite hash/],
        'no form': [(lie) => { lie.tokens.form = '{"reply":"raw","stop":[]}'; lie.message.formHash = keccak256(new TextEncoder().encode(lie.tokens.form)); }, /DIFFERS/],
    };
    for (const [name, [change, says]] of Object.entries(lies)) {
        const refused = command('replay', save(await signedAgain(receipt, change)), '--model', model);
        assert.equal(refused.status, 4, name);
        assert.match(refused.output, says, name);
    }
});

test('what bits depend on is told in /version and /v1/models, and signed', async () => {
    const { numerics } = await (await fetch(`${node.origin}/version`)).json();
    assert.equal(numerics.batch_invariant, true);
    assert.match(numerics.text, /^gpt-oss-node .*; cpu; order \d+; .* kernels; bf16 cache; any batch$/);
    assert.equal(numerics.digest, keccak256(new TextEncoder().encode(numerics.text)));
    assert.deepEqual((await (await fetch(`${node.url}/models`)).json()).data[0].numerics, numerics);
    const receipt = await receiptOf((await ask()).id);
    assert.equal(receipt.message.numericsHash, numerics.digest);
    assert.equal(receipt.numerics, numerics.text);
});

test('a fingerprint is signed where it is asked for; with the model it fits, and not when the tokens were drawn otherwise', async () => {
    const model = new URL('../models/demo/gpt-oss-demo-00001-of-00003.gguf', import.meta.url).pathname;
    const telling = await startNode([], { ...env, GPTOSS_RECEIPTS_PATH: path.join(folder, 'fingerprints.sqlite'), GPTOSS_RECEIPTS_FINGERPRINT: 'true' });
    try {
        const body = { messages: [{ role: 'user', content: 'Write a short poem about computers.' }], max_tokens: 100, temperature: 1.3, seed: 8 };
        const reply = await (await telling.post('/v1/chat/completions', body)).json();
        const receipt = await (await fetch(`${telling.url}/receipts/${reply.id}`)).json();
        assert.equal(receipt.message.fingerprintHash, keccak256(receipt.fingerprint));
        assert.equal((receipt.fingerprint.length - 2) / 2, 101 * Math.ceil(receipt.tokens.output.length / 32));
        const fits = command('check', save(receipt), '--model', model);
        assert.equal(fits.status, 0, fits.output);
        assert.match(fits.output, /the fingerprints fit: .*, 0 tokens by near ties/);
        const forged = command('check', save({ ...receipt, fingerprint: receipt.fingerprint.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }));
        assert.equal(forged.status, 4);
        assert.match(forged.output, /FORGED: the fingerprint/);
    } finally {
        await telling.stop();
    }
    const without = command('check', save(await receiptOf((await ask()).id)), '--model', model);
    assert.equal(without.status, 1);
    assert.match(without.output, /has no fingerprint/);
});

test('receipts of version 1 are still found genuine, by the command and by the contract', async () => {
    const { types, message: { numericsHash, formHash, toolsHash, fingerprintHash, finish, maxTokens, ...message }, domain } = typed(await receiptOf((await ask()).id));
    const old = { types: { Receipt: types.Receipt.slice(0, 12) }, primaryType: 'Receipt', domain: { ...domain, version: '1' }, message };
    const signature = await privateKeyToAccount(strangerKey).signTypedData(old);
    assert.equal(await chain.reader.readContract({ ...checker, functionName: 'digestVersion1', args: [message] }), hashTypedData(old));
    assert.equal(await chain.reader.readContract({ ...checker, functionName: 'signerOfVersion1', args: [message, signature] }), host);
    const saved = { ...old, message: { ...message, seed: String(message.seed), completedAt: String(message.completedAt) }, signer: host, signature };
    assert.equal(command('check', save(saved)).status, 0);
    assert.equal(command('check', save({ ...saved, domain: { ...saved.domain, version: '2' } })).status, 1, 'fields of version 2 are missing');
});

test('kill -9 in the middle of answers leaves a file that opens, and the receipts that were there', async () => {
    const { id } = await ask();
    const before = await receiptOf(id);
    for (let round = 0; round < 3; round++) {
        const running = Array.from({ length: 8 }, () => ask({ temperature: 1 }).catch(() => undefined));
        await running[0];
        node.child.kill('SIGKILL');
        await node.exited();
        await Promise.all(running);
        node = await startNode([], env);
        assert.deepEqual(await receiptOf(id), before);
    }
});

test('bounded: the oldest receipts go first; without tokens only hashes are kept; off keeps none', async () => {
    await node.stop();
    node = await startNode(['--receipts-kept', '3', '--receipts', 'on'], env);
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push((await ask({ max_tokens: 1 })).id);
    assert.equal((await receiptOf(ids[3])).tokens, undefined);
    assert.deepEqual(await Promise.all(ids.map(async (id) => (await fetchReceipt(id)).status)), [404, 200, 200, 200]);
    await node.stop();
    node = await startNode(['--receipts', 'off'], env);
    assert.equal((await fetchReceipt((await ask()).id)).status, 404);
});

test('receipts without a key, a path or a folder are refused at start', async () => {
    for (const changes of [{ HOST_PRIVATE_KEY_FILE: undefined }, { GPTOSS_RECEIPTS_PATH: undefined }, { GPTOSS_RECEIPTS_PATH: '/nowhere/r.sqlite' }]) {
        const set = Object.fromEntries(Object.entries({ ...env, ...changes }).filter(([, value]) => value !== undefined));
        await assert.rejects(startNode([], set), /HOST_PRIVATE_KEY|GPTOSS_RECEIPTS_PATH/);
    }
});
