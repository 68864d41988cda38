import { expect, test } from 'vitest';
import type { Receipt } from '../src/api';
import text from './data/receipt.json?raw';
import { signerOf, verdictOn } from '../src/receipt_check';

// As a node with the key 0x1111…11 signed it.
const receipt = () => JSON.parse(text) as Receipt;

test('a receipt of the node holds', () => {
    expect(signerOf(receipt())).toBe('0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a');
    expect(verdictOn(receipt(), '2961d809bfa9b8b774b14b9fca3a850d2de0d96cbd6cedbb829175019b8f4461')).toMatchObject({ holds: true, words: expect.not.stringContaining('other weights') });
    expect(verdictOn(receipt(), 'ff'.repeat(32)).words).toContain('other weights');
});

test('a change of any field is found', () => {
    const { message } = receipt();
    for (const [name, value] of Object.entries(message)) {
        const changed = receipt();
        const other = typeof value === 'number' ? value + 1 : String(value).startsWith('0x') ? `0x${'ab'.repeat(32)}` : /^\d+$/.test(String(value)) ? String(BigInt(value) + 1n) : `${value}x`;
        Object.assign(changed.message, { [name]: other });
        expect(verdictOn(changed).holds, name).toBe(false);
    }
    expect(verdictOn({ ...receipt(), signer: `0x${'00'.repeat(20)}` }).holds).toBe(false);
    expect(verdictOn({ ...receipt(), domain: { ...receipt().domain, chainId: 1 } }).holds).toBe(false);
});

test('a field that is not signed, or a list without one, is found', () => {
    const more = receipt();
    Object.assign(more.message, { note: 'trust me' });
    expect(verdictOn(more)).toMatchObject({ holds: false, words: expect.stringContaining('not signed') });
    const fewer = receipt();
    fewer.types.Receipt.pop();
    expect(verdictOn(fewer).holds).toBe(false);
});

test('what is no signature is told in words', () => {
    for (const signature of ['', '0x', `0x${'00'.repeat(65)}`, `0x${'ff'.repeat(65)}`, receipt().signature.replace(/1c$/, '05').replace(/1b$/, '05')])
        expect(verdictOn({ ...receipt(), signature })).toMatchObject({ holds: false, words: expect.stringContaining('does not hold') });
});
