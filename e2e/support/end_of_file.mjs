// A test whose setup failed could not stop the programs, servers and browsers that it had started by then, and each of them keeps its
// file's process: without this, plain `node --test` would wait for ever instead of telling the error.
import { after } from 'node:test';

const patienceMs = 30_000;   // longer than any file takes to stop what it started, once its last test is over

// Not in programs that tests start: their output is not a report.
if (process.argv[1]?.endsWith('.test.mjs')) after(() => { setTimeout(() => process.exit(), patienceMs).unref(); });
