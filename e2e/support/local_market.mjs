// The marketplace's contracts on a local chain, a host and a client with money, and jobs between them.
import { createServer } from 'node:http';
import { decodeAbiParameters, encodeFunctionData, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { createWalletClient, http, parseEther } from 'viem';
import { foundry } from 'viem/chains';
import { ownerKey, startChain, strangerKey } from './local_chain.mjs';

export const hostKey = strangerKey;
export const clientKey = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';   // anvil's third
export const otherKey = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6';    // its fourth
export const noModel = `0x${'00'.repeat(32)}`;
const zero = `0x${'00'.repeat(20)}`;
const earningsAbi = parseAbi(['function getBalance(address,address) view returns (uint256)']);

const fields = (version) => ['uint256 id', 'address depositor', 'address host', 'address paymentToken', 'uint256 deposit', 'uint256 pricePerToken',
    'uint256 tokensUsed', 'uint256 maxDuration', 'uint256 startTime', 'uint256 lastProofTime', 'uint256 proofInterval',
    ...(version === 'february' ? ['uint256 proofTimeoutWindow'] : []), 'uint8 status', 'uint256 withdrawnByHost', 'uint256 refundedToUser',
    'string conversationCID', 'bytes32 lastProofHash', 'string lastProofCID'].map((field) => {
    const [type, name] = field.split(' ');
    return { type, name };
});

export async function startMarket({ version = 'february', chainArguments = [], disputeWindow = 0n } = {}) {
    const chain = await startChain(chainArguments);
    const contract = await chain.deploy(version === 'february' ? 'JobMarketplace' : 'JobMarketplaceJanuary');
    const token = await chain.deploy('TestToken');
    const wallet = (key) => createWalletClient({ account: privateKeyToAccount(key), chain: foundry, transport: http(chain.url, { retryCount: 0 }) });
    const wallets = { owner: wallet(ownerKey), host: wallet(hostKey), client: wallet(clientKey), other: wallet(otherKey) };
    const host = wallets.host.account.address, client = wallets.client.account.address;
    const write = async (from, target, functionName, args, value = 0n) => {
        const hash = await from.writeContract({ ...target, functionName, args, value });
        const receipt = await chain.reader.waitForTransactionReceipt({ hash, pollingInterval: 20 });
        if (receipt.status !== 'success') throw new Error(`${functionName} failed`);
        return receipt;
    };
    await write(wallets.owner, contract, 'setDisputeWindow', [disputeWindow]);
    await write(wallets.client, token, 'mint', [client, 1_000_000_000n]);
    await write(wallets.client, token, 'approve', [contract.address, 1_000_000_000n]);
    const earnings = await chain.reader.readContract({ ...contract, functionName: 'hostEarnings' });
    let jobs = 0;

    // A job that the client pays for 1000 tokens; its number.
    const makeJob = async ({ deposit = parseEther('0.01'), price = 1_000_000_000_000n, native = true, to = host, model = noModel, duration = 3600n, from = wallets.client } = {}) => {
        const late = version === 'february' ? [300n] : [];
        if (native) await write(from, contract, 'createSessionJobForModel', [to, model, price, duration, 1000n, ...late], deposit);
        else await write(from, contract, 'createSessionJobForModelWithToken', [to, model, token.address, deposit, price, duration, 1000n, ...late]);
        jobs += 1;
        return jobs;
    };
    const jobOf = async (id) => {
        const { data } = await chain.reader.call({ to: contract.address, data: encodeFunctionData({ abi: parseAbi(['function sessionJobs(uint256)']), args: [BigInt(id)] }) });
        return Object.fromEntries(decodeAbiParameters(fields(version), data).map((value, place) => [fields(version)[place].name, value]));
    };
    const credited = (native = true) => chain.reader.readContract({ address: earnings, abi: earningsAbi, functionName: 'getBalance', args: [host, native ? zero : token.address] });
    const proofsOf = async (id) => (await chain.reader.getContractEvents({ ...contract, eventName: 'ProofSubmitted', fromBlock: 0n }))
        .filter((event) => event.args.jobId === BigInt(id)).map((event) => event.args);
    // Settings for a node that earns here.
    const environment = (folder, more = {}) => ({ RPC_URL: chain.url, CHAIN_ID: '31337', HOST_PRIVATE_KEY: hostKey, GPTOSS_SESSIONS: 'on', REQUIRE_JOB: 'require',
        GPTOSS_LEDGER_PATH: `${folder}/ledger.sqlite`, CONTRACT_JOB_MARKETPLACE: contract.address, CONTRACT_HOST_EARNINGS: earnings,
        GPTOSS_MARKETPLACE_VERSION: version, GPTOSS_CHAIN_POLL_MS: '100', USDC_TOKEN: token.address, ...more });
    return { chain, contract, token, wallets, host, client, earnings, makeJob, jobOf, credited, proofsOf, environment, write, stop: chain.stop };
}

// A JSON-RPC endpoint between a node and its chain. `answer(asked, next)` says what is answered: what next() brings from the
// chain, something else, or nothing at all.
export async function startProxy(chain, answer) {
    const server = createServer(async (request, response) => {
        let body = '';
        for await (const piece of request) body += piece;
        const asked = JSON.parse(body);
        const next = async (text = body) => (await fetch(chain.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text })).json();
        const reply = await answer(asked, next).catch(() => undefined);
        if (reply === undefined) return request.socket.destroy();
        return response.end(JSON.stringify(reply));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    return { url: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

// The part of an S5 bridge that a node uses, from its description: files by their paths, named by their bytes. `down` refuses.
export async function startBridge(identify) {
    const files = new Map();
    const bridge = { files, puts: 0, down: false };
    const server = createServer(async (request, response) => {
        const pieces = [];
        for await (const piece of request) pieces.push(piece);
        const path = decodeURIComponent(request.url.replace('/s5/fs/', ''));
        if (bridge.down || request.method !== 'PUT' || !/^(home|archive)\//.test(path)) { response.statusCode = bridge.down ? 503 : 400; return response.end('{}'); }
        bridge.puts += 1;
        const body = Buffer.concat(pieces);
        files.set(path, body);
        response.statusCode = 201;
        return response.end(JSON.stringify({ success: true, path, size: body.length, cid: identify(body), networkUploaded: true }));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    bridge.url = `http://127.0.0.1:${server.address().port}`;
    bridge.stop = () => { server.closeAllConnections(); server.close(); };
    return bridge;
}
