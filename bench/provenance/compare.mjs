// Hashing a model's parts beside sha256sum and what OpenSSL says of one core, in one run. From the repository's root:
//   cmake --build --preset release --target hash_bench && node bench/provenance/compare.mjs build/release
// Parts are three files of 256 MiB (HASH_BENCH_MIB sets another size) in the page cache; each figure is the median of five
// rounds in which every program has its turn. Debian 12's sha256sum is plain C; openssl dgst uses the processor's SHA
// instructions, as the node does.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createHash, randomFillSync } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bench = join(resolve(process.argv[2] ?? join(root, 'build/release')), 'bench/provenance/hash_bench');
const mib = 1 << 20;
const sizeBytes = Number(process.env.HASH_BENCH_MIB ?? 256) * mib;
const rounds = 5;

const folder = mkdtempSync(join(tmpdir(), 'gptoss-hash-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const files = ['1', '2', '3'].map((name) => {
    const path = join(folder, name);
    const file = openSync(path, 'w');
    for (let written = 0; written < sizeBytes; written += mib) writeSync(file, randomFillSync(Buffer.alloc(mib)));
    closeSync(file);
    return path;
});

const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: mib });
function seconds(command, args) {
    const begin = performance.now();
    run(command, args);
    return (performance.now() - begin) / 1000;
}
const gbPerSecond = (paths, duration) => paths.length * sizeBytes / duration / 1e9;
const ours = (paths) => gbPerSecond(paths, JSON.parse(run(bench, paths)).seconds);
// "sha256 1699741.70k": thousands of bytes a second of data that never leaves the first caches.
const openssl = () => Number(/sha256\s+([\d.]+)k/i.exec(run('openssl', ['speed', '-elapsed', '-seconds', '1', '-bytes', '1048576', '-evp', 'sha256']))[1]) / 1e6;

const rows = {
    'openssl speed, one core, no file': openssl,
    'sha256sum, 1 part': () => gbPerSecond(files.slice(0, 1), seconds('sha256sum', files.slice(0, 1))),
    'openssl dgst, 1 part': () => gbPerSecond(files.slice(0, 1), seconds('openssl', ['dgst', '-sha256', files[0]])),
    'gpt-oss-node, 1 part': () => ours(files.slice(0, 1)),
    'sha256sum, 3 parts': () => gbPerSecond(files, seconds('sha256sum', files)),
    'sha256sum, 3 parts, as many programs': () => gbPerSecond(files, seconds('sh', ['-c', `printf '%s\\n' "$@" | xargs -P 3 -n 1 sha256sum`, 'sh', ...files])),
    'openssl dgst, 3 parts, as many programs': () => gbPerSecond(files, seconds('sh', ['-c', `printf '%s\\n' "$@" | xargs -P 3 -n 1 openssl dgst -sha256`, 'sh', ...files])),
    'gpt-oss-node, 3 parts': () => ours(files),
};

// Speed is worth nothing if the hash is wrong.
const digests = files.map((path) => run('sha256sum', [path]).slice(0, 64));
const composite = createHash('sha256').update(digests.join('')).digest('hex');
if (JSON.parse(run(bench, files)).composite !== composite) throw new Error('hash_bench and sha256sum differ');

const results = Object.fromEntries(Object.keys(rows).map((name) => [name, []]));
for (let round = 0; round < rounds; round++)
    for (const [name, measure] of Object.entries(rows)) results[name].push(measure());
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const core = median(results['openssl speed, one core, no file']);

const model = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
console.log(`${availableParallelism()} cores (${model}), 3 parts of ${sizeBytes / mib} MiB in the page cache, median of ${rounds} (lowest to highest)\n`);
console.log('| SHA-256 | GB/s | of one core\'s openssl speed |\n|---|---|---|');
for (const [name, values] of Object.entries(results))
    console.log(`| ${name} | ${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}) | ${(median(values) / core).toFixed(2)} |`);
