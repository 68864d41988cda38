// The vectors that our hashes, encodings and signatures are held to (tests/provenance/chain_vectors_test.cpp) are viem's.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { file, vectors } from './chain_vectors.mjs';

test('the committed vectors are what viem says today', () => {
    assert.ok(fs.readFileSync(file, 'utf8') === vectors, 'write them again: node e2e/chain_vectors.mjs, and look at the difference');
    const sections = JSON.parse(vectors);
    for (const [name, least] of Object.entries({ keccak: 30, rlp: 60, abi: 40, legacy: 33, eip1559: 33, receipts: 64 })) assert.ok(sections[name].length >= least, name);
});
