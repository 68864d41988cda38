// What the documents tell people to type: every command and flag exists, and every curl line is answered.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { binary, startNode } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;
const documents = ['README.md', 'CONTRIBUTING.md', ...fs.readdirSync(path.join(root, 'docs'), { recursive: true })
    .filter((file) => file.endsWith('.md')).map((file) => path.join('docs', file))];
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

// The blocks of a document that are typed: fenced as sh, or indented.
function typed(text) {
    const fenced = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1]);
    const indented = text.replace(/^```.*?^```/gms, '').match(/(?:^ {4}.*\n)+/gm) ?? [];
    return [...fenced, ...indented.map((block) => block.replace(/^ {4}/gm, ''))].map((block) => block.replaceAll(/\\\n\s*/g, ' '));
}
// `gpt-oss-node …` where a command begins in a block, and between backticks in the text, without what the shell does with it.
function commandsOf(text) {
    const lines = typed(text).flatMap((block) => block.split('\n'))
        .map((line) => /^(?:sudo |[A-Z_]+=\S* )*(gpt-oss-node .*)$/.exec(line)?.[1]).filter(Boolean);
    const inline = [...text.replace(/^```.*?^```/gms, '').matchAll(/`(gpt-oss-node [^`]+)`/g)].map((match) => match[1]);
    return [...lines, ...inline].map((line) => line.split(/\s(?:#|\||&|>|<|;)/)[0].trim());
}

const helps = new Map();
const helpOf = (words) => {
    const name = words.join(' ');
    if (!helps.has(name)) helps.set(name, spawnSync(binary, [...words, '--help'], { encoding: 'utf8' }).stdout);
    return helps.get(name);
};
const has = (help, name) => new RegExp(`^\\s+${name}\\s`, 'm').test(help.slice(Math.max(0, help.indexOf('Subcommands:'))));

test('every command of the documents exists, with its flags', () => {
    let seen = 0;
    for (const file of documents) {
        for (const command of commandsOf(read(file))) {
            const words = command.split(/\s+/).slice(1).filter((word) => !/^(…|\.\.\.|NAME|SUBCOMMAND)$/.test(word));
            const subcommands = [];
            while (words.length > subcommands.length && /^[a-z][a-z0-9-]*$/.test(words[subcommands.length]) && !words[subcommands.length].startsWith('-')
                && helpOf(subcommands).includes('Subcommands:') && has(helpOf(subcommands), words[subcommands.length])) subcommands.push(words[subcommands.length]);
            assert.ok(subcommands.length > 0 || words[0] === undefined || words[0].startsWith('-'), `${file}: ${command}: there is no such subcommand`);
            const help = subcommands.length > 0 ? helpOf(subcommands) : helpOf([]) + helpOf(['serve']);
            for (const word of words) {
                const flag = /^(--[a-z][a-z0-9-]*|-[a-z])(?:=|$)/.exec(word)?.[1];
                // For those who change settings: --help does not list it.
                if (flag === '--settings-markdown') continue;
                if (flag) assert.match(help, new RegExp(`(?:^|[\\s,])${flag}(?:$|[\\s,])`, 'm'), `${file}: ${command}: there is no ${flag}`);
            }
            seen += 1;
        }
    }
    assert.ok(seen > 40, `${seen} commands were found`);
});

test('every curl line of the README and of docs/api.md is answered', async () => {
    const node = await startNode(['--context', '4096']);
    try {
        const curls = [];
        for (const file of ['README.md', 'docs/api.md'])
            for (const block of typed(read(file)))
                // A command ends where its quotes are closed; comments and what is answered come after it.
                for (const match of block.matchAll(/^curl (?:'[^']*'|[^'\n#])*/gm)) curls.push({ file, command: match[0].trim() });
        assert.ok(curls.length >= 12, `${curls.length} were found`);
        for (const { file, command } of curls) {
            const asked = command.replaceAll(/(?:http:\/\/)?(?:localhost|127\.0\.0\.1):8080/g, node.origin);
            assert.notEqual(asked, command, `${file}: ${command}`);
            const { stdout } = await promisify(execFile)('bash', ['-c', `${asked} --silent --show-error --max-time 60`]);
            if (command.includes('"stream": true')) {
                assert.match(stdout, /data: \[DONE\]\n\n$/);
                continue;
            }
            const reply = JSON.parse(stdout);
            // One example shows an error.
            assert.equal(reply.error !== undefined, command.includes('"temperature": 3'), `${file}: ${command}: ${stdout}`);
        }
    } finally {
        await node.stop();
    }
});
