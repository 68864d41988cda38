// `register` against a real EVM: as owner, as stranger, twice, with another hash, with endpoints that misbehave; and our
// hashes and signatures against viem's.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { spawn } from 'node:child_process';
import { createWalletClient, encodeFunctionData, http as viaHttp, keccak256, toBytes } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { startChain, ownerKey, strangerKey, compile } from './support/local_chain.mjs';

const binary = process.env.GPT_OSS_NODE ?? new URL('../build/release/gpt-oss-node', import.meta.url).pathname;
const composite = '532e271965fdf309c6d51f063b83162bea63858ca56c9bca9c884fd6803352a7';
const otherHash = composite.replace('5', '6');
let chain, registry;

before(async () => { chain = await startChain(); registry = await chain.deploy('ModelRegistry'); });
after(() => chain.stop());

function run(args, env = {}, subcommand = 'register') {
    return new Promise((resolve) => {
        const child = spawn(binary, [subcommand, ...args], { cwd: '/', env: { PATH: process.env.PATH, RPC_URL: chain.url, CHAIN_ID: '31337',
            CONTRACT_MODEL_REGISTRY: registry.address, ...env } });
        let output = '';
        child.stdout.on('data', (d) => { output += d; });
        child.stderr.on('data', (d) => { output += d; });
        child.on('close', (code) => resolve({ code, output }));
    });
}
const model = (name, hash = composite) => ['--repository', 'owner/repo', '--file', name, '--composite', hash];
const read = (functionName, args = []) => chain.reader.readContract({ ...registry, functionName, args });
const nonceOf = (address) => chain.reader.getTransactionCount({ address });

// A JSON-RPC endpoint that answers with whatever `answer(request, next)` returns; next() asks the real chain.
async function proxy(answer) {
    const server = http.createServer(async (request, response) => {
        let body = '';
        for await (const piece of request) body += piece;
        const asked = JSON.parse(body);
        const next = async () => (await fetch(chain.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
        const reply = await answer(asked, next);
        if (reply === undefined) return request.socket.destroy();
        response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${server.address().port}/v2/SECRET-KEY`, close: () => { server.closeAllConnections(); server.close(); } };
}

test('an absent entry: a dry run that shows the exact call, and sends nothing', async () => {
    const before = await nonceOf(chain.owner.account.address);
    const { code, output } = await run(['--release', 'gpt-oss-120b']);
    assert.equal(code, 3, output);
    assert.match(output, /0x14a27756f6b24902cb060fc650b37abffc3319db5e966c9b0c6ecbe737e4183d/);
    const data = encodeFunctionData({ abi: registry.abi, functionName: 'addTrustedModel',
        args: ['ggml-org/gpt-oss-120b-GGUF', 'gpt-oss-120b-mxfp4-00001-of-00003.gguf', `0x${composite}`] });
    assert.ok(output.includes(data), 'the call data equals viem\'s');
    assert.equal(await nonceOf(chain.owner.account.address), before);
});

for (const legacy of [false, true])
    test(`the owner registers (${legacy ? 'legacy' : 'EIP-1559'}), and the entry is read back`, async () => {
        const name = `owner-${legacy}.gguf`;
        const { code, output } = await run([...model(name), '--send', ...(legacy ? ['--legacy'] : [])], { OWNER_PRIVATE_KEY: ownerKey });
        assert.equal(code, 0, output);
        assert.match(output, /entry +identical/);
        const entry = await read('getModel', [keccak256(toBytes(`owner/repo/${name}`))]);
        assert.equal(entry.sha256Hash, `0x${composite}`);
        assert.equal(entry.active, true);
        const hash = /transaction (0x[0-9a-f]{64})/.exec(output)[1];
        assert.equal((await chain.reader.getTransaction({ hash })).type, legacy ? 'legacy' : 'eip1559');
    });

test('registering again changes nothing and succeeds; another hash is refused; a deactivated entry is said', async () => {
    await run([...model('twice.gguf'), '--send'], { OWNER_PRIVATE_KEY: ownerKey });
    const before = await nonceOf(chain.owner.account.address);
    const again = await run([...model('twice.gguf'), '--send'], { OWNER_PRIVATE_KEY: ownerKey });
    assert.equal(again.code, 0, again.output);
    assert.match(again.output, /Nothing to do/);
    const other = await run([...model('twice.gguf', otherHash), '--send'], { OWNER_PRIVATE_KEY: ownerKey });
    assert.equal(other.code, 4, other.output);
    assert.match(other.output, /entry +different/);
    assert.equal(await nonceOf(chain.owner.account.address), before);
    const id = keccak256(toBytes('owner/repo/twice.gguf'));
    await chain.reader.waitForTransactionReceipt({ hash: await chain.owner.writeContract({ ...registry, functionName: 'deactivateModel', args: [id] }), pollingInterval: 50 });
    const inactive = await run(model('twice.gguf'));
    assert.equal(inactive.code, 4);
    assert.match(inactive.output, /entry +inactive/);
});

test('a stranger is refused before gas is spent', async () => {
    const stranger = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
    const before = await nonceOf(stranger);
    const { code, output } = await run([...model('stranger.gguf'), '--send'], { OWNER_PRIVATE_KEY: strangerKey });
    assert.equal(code, 1, output);
    assert.match(output, /only the registry's owner/);
    assert.equal(await nonceOf(stranger), before);
});

test('a stranger may propose, once', async () => {
    const first = await run([...model('proposed.gguf'), '--propose', '--send'], { HOST_PRIVATE_KEY: strangerKey });
    assert.equal(first.code, 0, first.output);
    const second = await run([...model('proposed.gguf'), '--propose', '--send'], { HOST_PRIVATE_KEY: strangerKey });
    assert.equal(second.code, 1);
    assert.match(second.output, /Proposal already exists/);   // the revert's reason, seen before anything was sent
});

test('a proposal is told from beginning to end', async () => {
    const look = async (name) => (await run(model(name))).output.match(/^proposal +(.*)$/m)?.[1];
    assert.equal(await look('voted.gguf'), 'none');
    for (const name of ['voted.gguf', 'refused.gguf']) {
        const proposed = await run([...model(name), '--propose', '--send'], { HOST_PRIVATE_KEY: strangerKey });
        assert.equal(proposed.code, 0, proposed.output);
    }
    const id = (name) => keccak256(toBytes(`owner/repo/${name}`));
    const act = async (functionName, args) => {
        const hash = await chain.owner.writeContract({ ...registry, functionName, args });
        await chain.reader.waitForTransactionReceipt({ hash });
    };
    const stranger = privateKeyToAccount(strangerKey).address;
    assert.match(await look('voted.gguf'), new RegExp(`^open, proposed by ${stranger} in block \\d+: 0 for, 0 against$`));
    await act('voteOnProposal', [id('voted.gguf'), 70n, true]);
    await act('voteOnProposal', [id('voted.gguf'), 30n, false]);
    await act('voteOnProposal', [id('refused.gguf'), 5n, false]);
    assert.match(await look('voted.gguf'), /^open, .*: 70 for, 30 against$/);
    await act('executeProposal', [id('refused.gguf')]);
    assert.match(await look('refused.gguf'), /^rejected, .*: 0 for, 5 against$/);
    await act('executeProposal', [id('voted.gguf')]);
    const entry = await run(model('voted.gguf'));   // now the entry speaks for itself
    assert.equal(entry.code, 0, entry.output);
    assert.match(entry.output, /tier 2, approved/);
});

test('an endpoint without history does not hinder a look, and one that answers for another contract is not believed', async () => {
    for (const logs of [{ error: { code: -32602, message: 'query exceeds max block range' } },
        { result: [{ address: `0x${'11'.repeat(20)}`, blockNumber: '0x1', data: '0x', topics: [`0x${'22'.repeat(32)}`, `0x${'33'.repeat(32)}`] }] },
        { result: [{ address: registry.address.toLowerCase(), blockNumber: '0x1', data: '0x', topics: [   // no proposer
            keccak256(toBytes('ModelProposed(bytes32,address,string)')), keccak256(toBytes('owner/repo/unseen.gguf'))] }] },
        { result: [{}] }, { result: 'none' }]) {
        const endpoint = await proxy((asked, next) => asked.method === 'eth_getLogs' ? { jsonrpc: '2.0', id: asked.id, ...logs } : next());
        const { code, output } = await run(model('unseen.gguf'), { RPC_URL: endpoint.url });
        endpoint.close();
        assert.equal(code, 3, output);
        assert.match(output, /^proposal +not known: /m);
        assert.ok(!output.includes('SECRET-KEY'));
    }
});

test('an empty account is told what it needs', async () => {
    const { code, output } = await run([...model('poor.gguf'), '--propose', '--send'], { HOST_PRIVATE_KEY: `0x${'01'.repeat(32)}` });
    assert.equal(code, 1, output);
    assert.match(output, /wei|funds/i);
});

test('another chain, no contract, and a wrong address are errors that say so', async () => {
    assert.match((await run(model('x.gguf'), { CHAIN_ID: '1' })).output, /serves chain 31337, not 1/);
    assert.match((await run(model('x.gguf'), { CONTRACT_MODEL_REGISTRY: '0x00000000000000000000000000000000000000aa' })).output, /no contract/);
    assert.match((await run(model('x.gguf'), { CONTRACT_MODEL_REGISTRY: '0x12' })).output, /CONTRACT_MODEL_REGISTRY/);
});

test('endpoints that are away, answer garbage or to another question are passed over', async () => {
    const garbage = await proxy(() => '<html>hello</html>');
    const wrongId = await proxy(async (asked, next) => ({ ...(await next()), id: 99999 }));
    const cut = await proxy(() => undefined);
    const name = 'failover.gguf';
    const { code, output } = await run([...model(name), '--send'], { OWNER_PRIVATE_KEY: ownerKey,
        RPC_URL: ['http://127.0.0.1:1', garbage.url, wrongId.url, cut.url, chain.url].join(',') });
    assert.equal(code, 0, output);
    const none = await run(model(name), { RPC_URL: [garbage.url, cut.url].join(',') });
    assert.equal(none.code, 1);
    assert.match(none.output, /no RPC endpoint answered/);
    assert.ok(!none.output.includes('SECRET-KEY'), 'endpoints are named by host only');
    for (const p of [garbage, wrongId, cut]) p.close();
});

test('malformed replies of the contract are errors, never entries', async () => {
    for (const result of ['0x', '0x00', '0xzz', `0x${'ff'.repeat(192)}`, 5, null]) {
        const liar = await proxy(async (asked, next) => (asked.method === 'eth_call' ? { jsonrpc: '2.0', id: asked.id, result } : next()));
        const { code, output } = await run(model('liar.gguf'), { RPC_URL: liar.url });
        assert.equal(code, 1, `${result}: ${output}`);
        liar.close();
    }
});

test('a receipt that is late, then gone in a reorganisation, then back', async () => {
    let asked = 0;
    const moody = await proxy(async (request, next) => {
        if (request.method !== 'eth_getTransactionReceipt') return next();
        asked += 1;
        if (asked <= 2 || asked === 4) return { jsonrpc: '2.0', id: request.id, result: null };
        return next();
    });
    await chain.control.setIntervalMining({ interval: 1 });
    const { code, output } = await run([...model('late.gguf'), '--send', '--confirmations', '3'], { OWNER_PRIVATE_KEY: ownerKey, RPC_URL: moody.url });
    await chain.control.setIntervalMining({ interval: 0 });
    moody.close();
    assert.equal(code, 0, output);
    assert.ok(asked > 4);
});

test('a transaction that is never mined ends with its hash and what to do', async () => {
    const { control } = chain;
    await control.setAutomine(false);
    const { code, output } = await run([...model('stuck.gguf'), '--send', '--timeout-ms', '2000'], { OWNER_PRIVATE_KEY: ownerKey });
    await control.setAutomine(true);
    await control.mine({ blocks: 1 });
    assert.equal(code, 1, output);
    assert.match(output, /no receipt/);
});

test('keys never appear, whatever goes wrong', async () => {
    for (const key of [ownerKey, strangerKey, 'not-a-key-but-secret', `${ownerKey}00`]) {
        const { output } = await run([...model('secret.gguf'), '--send'], { OWNER_PRIVATE_KEY: key });
        assert.ok(!output.toLowerCase().includes(key.replace('0x', '').slice(0, 12).toLowerCase()), output);
    }
});

test('the contract has the selectors of the deployed one', () => {
    const { abi } = compile('ModelRegistry');
    const data = (functionName, args) => encodeFunctionData({ abi, functionName, args }).slice(0, 10);
    const zero = `0x${'00'.repeat(32)}`;
    assert.equal(data('addTrustedModel', ['', '', zero]), '0xda9969f4');
    assert.equal(data('getModel', [zero]), '0x21e7c498');
    assert.equal(data('models', [zero]), '0xe236f46b');
    assert.equal(data('proposeModel', ['', '', zero]), '0x5c89dc4a');
});

test('node-models: read, changed and written back, never overwritten; a change by another hand is noticed', async () => {
    const nodes = await chain.deploy('NodeRegistry');
    const host = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
    const [first, second] = ['11', '22'].map((byte) => `0x${byte.repeat(32)}`);
    const third = keccak256(toBytes('owner/repo/third.gguf'));
    const stranger = createWalletClient({ account: privateKeyToAccount(strangerKey), chain: foundry, transport: viaHttp(chain.url) });
    const write = async (functionName, args) => chain.reader.waitForTransactionReceipt(
        { hash: await stranger.writeContract({ ...nodes, functionName, args }), pollingInterval: 50 });
    const list = () => chain.reader.readContract({ ...nodes, functionName: 'getNodeModels', args: [host] });
    const models = (args, env = {}) => run(args, { CONTRACT_NODE_REGISTRY: nodes.address, HOST_PRIVATE_KEY: strangerKey, ...env }, 'node-models');

    const early = await models(['--add', first, '--send']);
    assert.equal(early.code, 1);
    assert.match(early.output, /not a registered node/);
    await write('registerNode', ['{}', 'http://node.example', [first, second], 1n, 1n]);
    const dry = await models(['--add', 'owner/repo/third.gguf']);
    assert.equal(dry.code, 3, dry.output);
    assert.ok(dry.output.includes(encodeFunctionData({ abi: nodes.abi, functionName: 'updateSupportedModels', args: [[first, second, third]] })));
    assert.deepEqual(await list(), [first, second], 'a dry run sends nothing');
    const sent = await models(['--add', 'owner/repo/third.gguf', '--send']);
    assert.equal(sent.code, 0, sent.output);
    assert.deepEqual(await list(), [first, second, third], 'the other models stay');
    assert.match((await models(['--add', third, '--send'])).output, /Nothing to do/);
    assert.equal((await models(['--remove', second, '--send'])).code, 0);
    assert.deepEqual(await list(), [first, third]);
    assert.match((await models(['--remove', first, '--remove', third, '--send'])).output, /left without a model/);

    // Between our first look and the sending, another tool adds a model: ours must not take it away.
    let looks = 0;
    const selector = encodeFunctionData({ abi: nodes.abi, functionName: 'getNodeModels', args: [host] }).slice(0, 10);
    const racing = await proxy(async (asked, next) => {
        if (asked.method === 'eth_call' && asked.params[0].data.startsWith(selector) && (looks += 1) === 2) await write('updateSupportedModels', [[first, third, second]]);
        return next();
    });
    const raced = await models(['--remove', third, '--send'], { RPC_URL: racing.url });
    racing.close();
    assert.equal(raced.code, 1, raced.output);
    assert.match(raced.output, /changed since it was read/);
    assert.deepEqual(await list(), [first, third, second]);
});
