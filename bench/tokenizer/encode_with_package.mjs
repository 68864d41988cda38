// One package on one file: node encode_with_package.mjs PACKAGE FILE. Prints a JSON line like tokenizer_bench.
import { readFileSync } from 'node:fs';

const [name, file] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const encoders = {
    tiktoken: async () => {
        const encoding = (await import('tiktoken')).get_encoding('o200k_base');
        return () => encoding.encode_ordinary(text);
    },
    'gpt-tokenizer': async () => {
        const { encode } = await import('gpt-tokenizer/encoding/o200k_base');
        return () => encode(text, { disallowedSpecial: new Set() });
    },
};

const encode = await encoders[name]();
let best = Infinity;
let total = 0;
let tokens = 0;
for (let calls = 0; calls < 3 || total < 0.5; calls++) {
    const start = performance.now();
    tokens = encode().length;
    const seconds = (performance.now() - start) / 1000;
    best = Math.min(best, seconds);
    total += seconds;
}
const bytes = Buffer.byteLength(text);
console.log(JSON.stringify({ file, bytes, tokens, mb_per_s: +(bytes / best / 1e6).toFixed(2) }));
