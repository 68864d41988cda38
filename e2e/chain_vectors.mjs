// Writes tests/provenance/data/chain_vectors.json: keccak, RLP, ABI calls, transactions and receipts as viem has them, for
// tests/provenance/chain_vectors_test.cpp. Always the same, from one seed. From the repository's root:
//   (cd e2e && npm ci) && node e2e/chain_vectors.mjs
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodeFunctionData, fromRlp, getAddress, hashTypedData, keccak256, parseAbi, toHex, toRlp } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

export const file = new URL('../tests/provenance/data/chain_vectors.json', import.meta.url);

// Marsaglia's xorshift, 32 bits.
let state = 20261123;
function next() {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
}
const below = (limit) => next() % limit;
const bytes = (count) => Uint8Array.from({ length: count }, () => next() >>> 24);
const hexOf = (count) => toHex(bytes(count));
const anyOf = (...choices) => choices[below(choices.length)];
// Numbers of every length up to `bits`, so that leading zeros and single bytes come up.
function number(bits) {
    const length = below(bits + 1);
    return length === 0 ? 0n : (BigInt(hexOf(Math.ceil(bits / 8))) & ((1n << BigInt(length)) - 1n)) | (1n << BigInt(length - 1));
}
const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789-_./ ', 'ä', '的', '😀', '"', '\\', '\n'];
const text = (longest) => Array.from({ length: below(longest + 1) }, () => letters[below(letters.length)]).join('');
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));

// The lengths around keccak's block of 136 bytes and RLP's border of 55 first, then any.
const borders = [0, 1, 31, 32, 33, 54, 55, 56, 57, 135, 136, 137, 255, 256, 257, 271, 272, 273];
const lengths = [...borders, ...times(14, () => below(600))];

const keccak = lengths.map((length) => {
    const data = hexOf(length);
    return { data, hash: keccak256(data) };
});

// A tree of texts (hexadecimal) and lists.
function tree(depth) {
    if (depth === 0 || below(3) === 0) return anyOf(() => hexOf(anyOf(0, 1, 2, 20, 32)), () => toHex(bytes(1)[0] & 0x7f, { size: 1 }), () => hexOf(below(120)))();
    return times(below(6), () => tree(depth - 1));
}
const rlp = [...lengths.map((length) => hexOf(length)), ...times(32, () => times(below(8), () => tree(3)))].map((value) => ({ value, encoded: toRlp(value) }));

// The calls the registries are asked and sent, and every type beside every other.
const signatures = [
    'addTrustedModel(string,string,bytes32)', 'proposeModel(string,string,bytes32)', 'getModel(bytes32)', 'updateSupportedModels(bytes32[])',
    'getNodeModels(address)', 'f(uint256,address,string,bytes32[],bytes32,string)', 'g(bytes32[],bytes32[],uint256)', 'h()',
];
const value = {
    string: () => text(100),
    bytes32: () => hexOf(32),
    address: () => getAddress(hexOf(20)),
    uint256: () => number(128),
    'bytes32[]': () => times(below(5), () => hexOf(32)),
};
const abi = signatures.flatMap((signature) => times(5, () => {
    const types = /\((.*)\)/.exec(signature)[1].split(',').filter(Boolean);
    const args = types.map((type) => value[type]());
    const data = encodeFunctionData({ abi: parseAbi([`function ${signature}`]), args });
    return { signature, arguments: args.map((each, index) => ({ type: types[index], value: typeof each === 'bigint' ? toHex(each) : each })), data };
}));

// Keys of nobody.
const keys = times(8, () => hexOf(32));
const signer = (index) => ({ key: keys[index % keys.length], account: privateKeyToAccount(keys[index % keys.length]) });

async function transactionOf(index, legacy) {
    const { key, account } = signer(index);
    const gasPrice = number(96);
    const common = {
        chainId: anyOf(1, 8453, 84532, 31337, 5611, 204, Number(number(50)) + 1), nonce: anyOf(0, 1, 127, 128, Number(number(40))), gas: number(60) + 21000n,
        to: getAddress(hexOf(20)), value: anyOf(0n, number(120)), data: hexOf(anyOf(0, 1, 36, 100, below(300))),
    };
    const transaction = legacy ? { ...common, type: 'legacy', gasPrice }
        : { ...common, type: 'eip1559', maxFeePerGas: gasPrice, maxPriorityFeePerGas: gasPrice >> BigInt(below(20)) };
    const raw = await account.signTransaction(transaction);
    const quantities = Object.fromEntries(Object.entries(transaction).map(([name, each]) => [name, typeof each === 'bigint' ? toHex(each) : each]));
    return { key, address: account.address, transaction: quantities, raw, hash: keccak256(raw) };
}

// r and s are numbers: where one begins with a zero byte, it is left out.
function hasShortSignature(raw) {
    const fields = fromRlp(raw.startsWith('0x02') ? `0x${raw.slice(4)}` : raw);
    return fields.slice(-2).some((field) => field.length < 66);
}
async function transactionsOf(legacy) {
    const all = await Promise.all(times(30, (index) => index).map((index) => transactionOf(index, legacy)));
    for (let found = 0; found < 3;) {
        const another = await transactionOf(found, legacy);
        if (!hasShortSignature(another.raw)) continue;
        all.push(another);
        found += 1;
    }
    return all;
}

const firstReceiptFields = [
    ['id', 'string'], ['modelId', 'bytes32'], ['compositeHash', 'bytes32'], ['promptHash', 'bytes32'], ['outputHash', 'bytes32'],
    ['promptTokens', 'uint32'], ['reasoningTokens', 'uint32'], ['outputTokens', 'uint32'], ['sampling', 'string'], ['seed', 'uint64'],
    ['nodeVersion', 'string'], ['completedAt', 'uint64'],
];
const receiptFields = { 1: firstReceiptFields, 2: [...firstReceiptFields,
    ['numericsHash', 'bytes32'], ['formHash', 'bytes32'], ['toolsHash', 'bytes32'], ['fingerprintHash', 'bytes32'], ['finish', 'string'], ['maxTokens', 'uint32'],
] };

// Both ends of the type, and what lies between.
const whole = (bits) => anyOf(0n, (1n << BigInt(bits)) - 1n, number(bits), number(bits));

async function receiptOf(index, version) {
    const { key, account } = signer(index);
    const message = {
        id: text(40), modelId: hexOf(32), compositeHash: hexOf(32), promptHash: hexOf(32), outputHash: hexOf(32),
        promptTokens: Number(whole(32)), reasoningTokens: Number(whole(32)), outputTokens: Number(whole(32)),
        sampling: text(200), seed: whole(64), nodeVersion: text(12), completedAt: whole(64),
    };
    const chainId = anyOf(1, 8453, 84532, 31337, Number(number(50)));
    if (version === 2) Object.assign(message, { numericsHash: hexOf(32), formHash: hexOf(32), toolsHash: hexOf(32), fingerprintHash: hexOf(32),
        finish: anyOf('stop', 'length', 'tool_calls', 'stop_string', text(12)), maxTokens: Number(whole(32)) });
    const types = { Receipt: receiptFields[version].map(([name, type]) => ({ name, type })) };
    const typed = { domain: { name: 'gpt-oss-node', version: String(version), chainId }, types, primaryType: 'Receipt', message };
    return { key, address: account.address, version, chain_id: typed.domain.chainId, message: { ...message, seed: String(message.seed), completedAt: String(message.completedAt) },
        digest: hashTypedData(typed), signature: await account.signTypedData(typed) };
}

// Three bytes of length, told by the encoding's hash.
const rlpLong = [65535, 65536, 70001].map((length) => ({ length, hash: keccak256(toRlp(toHex(new Uint8Array(length).fill(0xab)))) }));

const sections = { keccak, rlp, rlp_long: rlpLong, abi, legacy: await transactionsOf(true), eip1559: await transactionsOf(false),
    receipts: await Promise.all([1, 2].flatMap((version) => times(32, (index) => receiptOf(index, version)))) };
// One case a line, so that a difference can be read.
export const vectors = `{\n${Object.entries(sections).map(([name, cases]) =>
    `"${name}": [\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]`).join(',\n')}\n}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(file, vectors);
