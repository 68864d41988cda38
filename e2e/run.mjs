// Runs the test files, three at a time: most of their time is waiting, and `node --test` on two cores runs one at a time.
//   node run.mjs [FILE...]      all of this folder without a name
import { run } from 'node:test';
import { tap } from 'node:test/reporters';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).map((file) => path.resolve(file));
// The soak is one of the longest: started last it would run alone at the end.
const all = fs.readdirSync(folder).filter((file) => file.endsWith('.test.mjs')).sort((a, b) => b.startsWith('soak') - a.startsWith('soak'));
const files = named.length > 0 ? named : all.map((file) => path.join(folder, file));
const events = run({ files, concurrency: 3, timeout: 420_000, forceExit: true });
events.on('test:fail', () => { process.exitCode = 1; });
events.compose(tap).pipe(process.stdout);
