// The tokenizer beside others that give the same tokens, in one run on one core. From the repository's root:
//   scripts/fetch-o200k.sh && (cd bench/tokenizer && npm ci) && node bench/tokenizer/compare.mjs build/release
// TIKTOKEN_BENCH names a program around tiktoken's Rust library, if you have one. A package that takes over 20 seconds for a
// text, or breaks off, gets a dash.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const build = resolve(process.argv[2] ?? join(root, 'build/release'));
const megabyte = 1_000_000;

// Texts of a megabyte: lines of this repository's prose and code and Chinese sentences, all in random order so that
// no processor learns them by heart; numbers; one letter.
function corpora() {
    let state = 1;
    const random = (below) => {
        state = (state * 48271) % 2147483647;
        return state % below;
    };
    const filesUnder = (folder, endings) => readdirSync(join(root, folder), { recursive: true })
        .filter((name) => endings.some((ending) => name.endsWith(ending)))
        .map((name) => join(root, folder, name))
        .filter((path) => statSync(path).isFile())
        .sort();
    const joined = (paths) => paths.map((path) => readFileSync(path, 'utf8')).join('\n');
    const fill = (next) => {
        const parts = [];
        for (let bytes = 0; bytes < megabyte; bytes += Buffer.byteLength(parts.at(-1))) parts.push(next());
        return Buffer.from(parts.join('')).subarray(0, megabyte).toString('utf8').replace(/\uFFFD+$/, '');
    };
    const anyOf = (all) => () => all[random(all.length)] + '\n';
    const prose = joined([join(root, 'LICENSE'), ...filesUnder('docs', ['.md'])]).split('\n');
    const code = joined(filesUnder('src', ['.h', '.cpp']).filter((path) => !path.endsWith('character_ranges.cpp'))).split('\n');
    const chinese = readFileSync(join(here, 'chinese.txt'), 'utf8').split('\n').filter(Boolean);
    return {
        english: fill(anyOf(prose)),
        code: fill(anyOf(code)),
        chinese: fill(anyOf(chinese)),
        numbers: fill(() => `${random(10 ** (1 + random(9)))}${random(8) ? ',' : '\n'}`),
        'one letter': 'a'.repeat(megabyte),
    };
}

function lines(command, args) {
    const { status, stdout } = spawnSync(command, args, { cwd: here, encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] });
    return status === 0 ? stdout.trim().split('\n').map((line) => JSON.parse(line)) : [];
}

const folder = join(root, 'build/tokenizer-corpora');
mkdirSync(folder, { recursive: true });
const texts = Object.entries(corpora()).map(([name, text]) => {
    const file = join(folder, `${name.replace(' ', '_')}.txt`);
    writeFileSync(file, text);
    return { name, file };
});

const ours = join(build, 'bench/tokenizer/tokenizer_bench');
const columns = { 'gpt-oss-node': (file) => lines(ours, [file])[1] };
// A program that prints {"tokens", "mb_per_s"} for `PROGRAM RANKS_FILE TEXT_FILE`, around tiktoken's own library.
if (process.env.TIKTOKEN_BENCH)
    columns['tiktoken (Rust)'] = (file) => lines(process.env.TIKTOKEN_BENCH, [join(root, 'build/o200k/o200k_base.tiktoken'), file])[0];
for (const name of ['tiktoken', 'gpt-tokenizer']) {
    columns[`npm ${name}`] = (file) => lines('node', [join(here, 'encode_with_package.mjs'), name, file])[0];
}

console.log(`| MB/s, one core | ${Object.keys(columns).join(' | ')} |`);
console.log(`|---|${'---|'.repeat(Object.keys(columns).length)}`);
for (const { name, file } of texts) {
    const results = Object.values(columns).map((measure) => measure(file));
    const differ = results.some((result) => result && result.tokens !== results[0].tokens);
    console.log(`| ${name} | ${results.map((result) => result?.mb_per_s ?? '–').join(' | ')} |${differ ? ' token counts differ!' : ''}`);
}
console.log(`\nBuilt from 201,088 entries of metadata in ${lines(ours, [])[0].construction_ms} ms.`);
