// Checks a receipt (docs/receipts.md) in the page: who signed it? EIP-712's hash of it, and the key that its signature gives
// back (@noble/curves, @noble/hashes).
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Receipt } from './api';

const hashOf = (text: string): Uint8Array => keccak_256(utf8ToBytes(text));
const number = (value: number | string): Uint8Array => hexToBytes(BigInt(value).toString(16).padStart(64, '0'));
const hex = (text: string, bytes: number): Uint8Array => {
    if (!new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`).test(text)) throw new Error('The receipt has a field of the wrong form.');
    return hexToBytes(text.slice(2));
};

const encoded: Record<string, (value: unknown) => Uint8Array> = { string: (value: unknown) => hashOf(String(value)), bytes32: (value: unknown) => hex(String(value), 32), uint32: (value: unknown) => number(value as number), uint64: (value: unknown) => number(value as string) };

// The fields are those that the receipt lists, as later nodes sign more of them: the list is hashed with them, so that another
// list gives another signer.
function digestOf({ domain, message, types }: Receipt): Uint8Array {
    const fields = types.Receipt.map(({ type: kind, name }) => [kind, name] as const);
    const values = message as Record<string, unknown>;
    for (const [kind, name] of fields) if (!Object.hasOwn(encoded, kind) || !Object.hasOwn(values, name)) throw new Error(`The field ${name} is not understood.`);
    if (Object.keys(values).length !== fields.length) throw new Error('It holds fields that are not signed.');
    const domainHash = keccak_256(concatBytes(hashOf('EIP712Domain(string name,string version,uint256 chainId)'), hashOf(domain.name), hashOf(domain.version), number(domain.chainId)));
    const type = `Receipt(${fields.map(([kind, name]) => `${kind} ${name}`).join(',')})`;
    const messageHash = keccak_256(concatBytes(hashOf(type), ...fields.map(([kind, name]) => encoded[kind](values[name]))));
    return keccak_256(concatBytes(new Uint8Array([0x19, 0x01]), domainHash, messageHash));
}

// The address, in lower case. Throws Error with words for people when it is no signature at all.
export function signerOf(receipt: Receipt): string {
    const signature = hex(receipt.signature, 65);
    const recovery = signature[64] - 27;
    if (recovery !== 0 && recovery !== 1) throw new Error('The signature has no recovery number.');
    const parsed = secp256k1.Signature.fromBytes(signature.slice(0, 64), 'compact').addRecoveryBit(recovery);
    if (parsed.hasHighS()) throw new Error('The signature is not in its one normal form.');
    const key = parsed.recoverPublicKey(digestOf(receipt)).toBytes(false);
    return `0x${bytesToHex(keccak_256(key.slice(1)).slice(-20))}`;
}

export interface Verdict { holds: boolean; words: string }

// `expected`: composite hash of the weights that are served now, if known.
export function verdictOn(receipt: Receipt, expected = ''): Verdict {
    try {
        const signer = signerOf(receipt);
        if (signer !== receipt.signer.toLowerCase()) return { holds: false, words: `Signed by ${signer}, not by ${receipt.signer}: something in it was changed.` };
        const sameWeights = !expected || receipt.message.compositeHash.slice(2).toLowerCase() === expected.toLowerCase();
        return { holds: true, words: `It holds: signed by ${receipt.signer}${sameWeights ? '' : ', for other weights than those served now'}.` };
    } catch (error) { return { holds: false, words: `It does not hold: ${(error as Error).message}` }; }
}
