// The marketplace on this machine, for docs/marketplace.md:
//   node e2e/marketplace_demo.mjs chain FILE            a chain (anvil) with the contracts; writes a node's settings to FILE; until it is ended
//   node e2e/marketplace_demo.mjs client FILE QUESTION  a client: makes a job, asks five times in an encrypted session, waits until the job is settled
import fs from 'node:fs';
import path from 'node:path';
import { createPublicClient, createWalletClient, http, parseAbi, parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { waitFor } from './support/node.mjs';
import { ClientSession, publicKeyOf } from './support/market_client.mjs';
import { clientKey, hostKey, noModel, startMarket } from './support/local_market.mjs';

const [mode, file, question] = process.argv.slice(2);

async function chain() {
    const market = await startMarket({ chainArguments: ['--block-time', '1'] });
    const key = path.join(path.dirname(path.resolve(file)), 'host.key');
    fs.writeFileSync(key, hostKey, { mode: 0o600 });
    const { HOST_PRIVATE_KEY: _, ...settings } = market.environment(path.dirname(path.resolve(file)), { HOST_PRIVATE_KEY_FILE: key, GPTOSS_SESSION_GRACE_S: '2', API_PORT: process.env.DEMO_PORT ?? '8090' });
    fs.writeFileSync(`${file}.part`, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
    fs.renameSync(`${file}.part`, file);
    console.log(`the chain is ready: ${market.chain.url}`);
    process.once('SIGTERM', async () => { await market.stop(); process.exit(0); });
    setInterval(() => {}, 1000);
}

async function client() {
    const settings = Object.fromEntries(fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split(/=(.*)/s)));
    const transport = http(settings.RPC_URL);
    const reader = createPublicClient({ chain: foundry, transport });
    const wallet = createWalletClient({ account: privateKeyToAccount(clientKey), chain: foundry, transport });
    const contract = { address: settings.CONTRACT_JOB_MARKETPLACE, abi: parseAbi([
        'function createSessionJobForModel(address,bytes32,uint256,uint256,uint256,uint256) payable returns (uint256)', 'function nextJobId() view returns (uint256)',
        'event SessionCompleted(uint256 indexed jobId, uint256 totalTokensUsed, uint256 hostEarnings, uint256 userRefund)']) };
    const job = await reader.readContract({ ...contract, functionName: 'nextJobId' });
    const hash = await wallet.writeContract({ ...contract, functionName: 'createSessionJobForModel', value: parseEther('0.01'),
        args: [privateKeyToAccount(hostKey).address, noModel, 1_000_000_000_000n, 3600n, 1000n, 300n] });
    await reader.waitForTransactionReceipt({ hash, pollingInterval: 100 });
    console.log(`job ${job}: 0.01 ETH are deposited`);
    const session = new ClientSession({ origin: `http://127.0.0.1:${settings.API_PORT}`, clientKey, hostPublicKey: publicKeyOf(hostKey), job, session: `demo-${job}` });
    const ack = await session.open();
    if (ack.type !== 'session_init_ack') throw new Error(JSON.stringify(ack));
    for (let turn = 0; turn < 5; turn += 1) {   // the demo model is short of words, and a proof needs 100 tokens
        const { text, end } = await session.ask({ prompt: question, max_tokens: 300, temperature: 1 });
        console.log(`${text}\n${end.tokens_used} tokens, ended by ${end.finish_reason}`);
    }
    await session.connection.close();
    const [settled] = await waitFor(async () => {
        const events = await reader.getContractEvents({ ...contract, eventName: 'SessionCompleted', args: { jobId: job }, fromBlock: 0n });
        return events.length > 0 && events;
    });
    console.log(`settled: ${settled.args.totalTokensUsed} tokens are paid, ${settled.args.hostEarnings} wei to the host, ${settled.args.userRefund} wei back`);
}

await (mode === 'chain' ? chain() : client());
