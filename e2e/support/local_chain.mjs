// A real EVM on loopback (anvil) with our registry contract on it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import solc from 'solc';
import { createPublicClient, createTestClient, createWalletClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { endWithTest, waitFor } from './node.mjs';

const require = createRequire(import.meta.url);

// anvil's first two well-known test keys: worthless outside a test chain.
export const ownerKey = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
export const strangerKey = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';

export function compile(name) {
    const read = (file) => fs.readFileSync(new URL(`../../contracts/${file}`, import.meta.url), 'utf8');
    const output = JSON.parse(solc.compile(JSON.stringify({
        language: 'Solidity', sources: { [`${name}.sol`]: { content: read(`${name}.sol`) } },
        settings: { evmVersion: 'paris', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } } }), { import: (file) => ({ contents: read(file) }) }));
    const errors = (output.errors ?? []).filter((e) => e.severity === 'error');
    if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
    const contract = output.contracts[`${name}.sol`][name];
    return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}

export async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

// On a port of its own, or on one that an earlier chain left.
export async function startChain(args = [], port = undefined) {
    port ??= await freePort();
    const binary = require.resolve(`@foundry-rs/anvil-linux-${process.arch === 'x64' ? 'amd64' : 'arm64'}/bin/anvil`);
    const child = spawn(binary, ['--port', String(port), '--silent', ...args], { stdio: 'ignore' });
    endWithTest(child);
    // One promise from the start on: a chain may be stopped twice, and nobody waits for an event that has been.
    const closed = new Promise((resolve) => child.once('close', resolve));
    const stop = () => { child.kill('SIGKILL'); return closed; };
    const url = `http://127.0.0.1:${port}`;
    const transport = http(url, { retryCount: 0 });
    const reader = createPublicClient({ chain: foundry, transport });
    await waitFor(() => reader.getChainId(), () => child.exitCode !== null, () => `anvil at ${url}`)
        .catch(async (error) => { await stop(); throw error; });
    const owner = createWalletClient({ account: privateKeyToAccount(ownerKey), chain: foundry, transport });
    const control = createTestClient({ mode: 'anvil', chain: foundry, transport });
    const deploy = async (name) => {
        const { abi, bytecode } = compile(name);
        const receipt = await reader.waitForTransactionReceipt({ hash: await owner.deployContract({ abi, bytecode }), pollingInterval: 50 });
        return { abi, address: receipt.contractAddress };
    };
    return { url, port, reader, owner, control, deploy, stop };
}
