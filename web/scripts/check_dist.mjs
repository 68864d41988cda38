// The committed web/dist must be what the sources build to, and what a browser loads first must stay small.
import { build } from 'vite';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';

const firstLoadLimitBytes = 300_000;
const committed = new URL('../dist', import.meta.url).pathname;
const built = fs.mkdtempSync(path.join(os.tmpdir(), 'console-'));
await build({ root: path.dirname(committed), logLevel: 'warn', build: { outDir: built, emptyOutDir: true } });
const list = (folder) => fs.readdirSync(folder, { recursive: true }).map(String).filter((name) => fs.statSync(path.join(folder, name)).isFile()).sort();
const problems = [];
for (const name of new Set([...list(committed), ...list(built)])) {
    const [before, after] = [committed, built].map((folder) => path.join(folder, name));
    if (!fs.existsSync(before) || !fs.existsSync(after) || !fs.readFileSync(before).equals(fs.readFileSync(after))) problems.push(name);
}
const page = fs.readFileSync(path.join(built, 'index.html'), 'utf8');
const first = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, name]) => zlib.gzipSync(fs.readFileSync(path.join(built, name))).length);
const bytes = first.reduce((sum, size) => sum + size, page.length);
fs.rmSync(built, { recursive: true });
console.log(`first load: ${bytes} bytes compressed`);
if (bytes > firstLoadLimitBytes) problems.push(`the first load is over ${firstLoadLimitBytes} bytes`);
if (problems.length) {
    console.error(`web/dist is not what the sources build to (npm run build): ${problems.join(', ')}`);
    process.exit(1);
}
