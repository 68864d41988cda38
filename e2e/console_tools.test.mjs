// What a person hands to the model and lets it do: files of all kinds, the page's own tools, tools of MCP servers.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, endWithCall, piece, startStandIn } from './support/console_stand_in.mjs';
import { startMcpServer } from './support/mcp_server.mjs';
import { startNode, waitFor } from './support/node.mjs';

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'console-tools-'));
let browser;
before(async () => { browser = await startBrowser(); });
after(async () => { await browser?.close(); fs.rmSync(temporary, { recursive: true }); });

const answered = (page) => page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
async function ask(page, text) {
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
}

describe('files', { concurrency: false }, () => {
    let node, page, context, complaints;
    before(async () => {
        node = await startNode(['--cache-tokens', '16384', '--context', '4096']);
        ({ page, context, complaints } = await openPage(browser, node.origin));
        await page.waitForSelector('.dot.good');
        const printer = await (await browser.newContext()).newPage();
        await printer.setContent('<h1>Notes</h1><p>The code word for Alice is tiger.</p><p style="page-break-before: always">The second page.</p>');
        fs.writeFileSync(path.join(temporary, 'note.pdf'), await printer.pdf());
        await printer.setContent('');
        fs.writeFileSync(path.join(temporary, 'empty.pdf'), await printer.pdf());
        await printer.context().close();
    });
    after(async () => { await context?.close(); await node?.stop(); });
    const attach = (files) => page.setInputFiles('.composer input[type=file]', files);
    const inTemporary = (name) => path.join(temporary, name);

    for (const [kind, file] of [['PDF', () => inTemporary('note.pdf')], ['Word document', () => new URL('data/note.docx', import.meta.url).pathname]]) {
        test(`the text of a ${kind} is counted and read`, async () => {
            await page.keyboard.press('Control+Shift+O');
            await attach(file());
            await page.waitForSelector('.composer .files li:has-text("tokens")');
            await ask(page, 'What is the code word for Alice?');
            await answered(page);
            assert.match(await page.locator('.turn.assistant .text').textContent(), /tiger/i);
        });
    }

    test('what holds no text says so in words', async () => {
        await page.keyboard.press('Control+Shift+O');
        for (const [file, words] of [[inTemporary('empty.pdf'), /holds no text, only pictures/], [{ name: 'x.pdf', mimeType: 'application/pdf', buffer: Buffer.from('hello') }, /no PDF, or a broken one/],
            [{ name: 'x.docx', mimeType: 'x/y', buffer: Buffer.from('PK hello') }, /no Word document/], [{ name: 'x.bin', mimeType: 'x/y', buffer: Buffer.from([0xff, 0xfe, 0]) }, /is not a text/]]) {
            await attach(file);
            await waitFor(async () => words.test(await page.locator('.composer .problem').first().textContent()));
        }
        assert.equal(await page.locator('.composer .files li').count(), 0);
    });

    test('what does not fit is shown before it is sent, with what to leave out', async () => {
        await page.keyboard.press('Control+Shift+O');
        const words = (count) => Buffer.from('tiger '.repeat(count));
        await attach([{ name: 'small.txt', mimeType: 'text/plain', buffer: words(50) }, { name: 'large.txt', mimeType: 'text/plain', buffer: words(6000) }]);
        await page.waitForSelector('.composer [role=alert] >> text=It fits without large.txt');
        await page.fill('#message', 'What is this?');
        assert.equal(await page.getByLabel('Send').isDisabled(), true);
        await page.getByText('Leave it out').click();
        await page.waitForSelector('.composer [role=alert]', { state: 'detached' });
        await waitFor(async () => !await page.getByLabel('Send').isDisabled());
        assert.deepEqual(await page.locator('.composer .files li span:first-of-type').allTextContents(), ['small.txt']);
        // Counted as the whole request: more than the file alone.
        const { count } = await (await node.post('/tokenize', { content: 'tiger '.repeat(50) })).json();
        await waitFor(async () => Number((await page.locator('.context').innerText()).replace(/\D.*/s, '').replace(',', '') || 4096) < 4096 - count - 20);
    });

    test('the browser complained about nothing', () => assert.deepEqual(complaints, []));
});

describe('tools', { concurrency: false }, () => {
    let mcp, node, server, elsewhere, page, context, complaints;
    let leaks = 0;
    const codes = {};
    before(async () => {
        elsewhere = http.createServer((_, response) => { leaks += 1; response.setHeader('access-control-allow-origin', '*').end('secret'); }).listen(0, '127.0.0.1');
        mcp = await startMcpServer('key');
        fs.writeFileSync(path.join(temporary, 'servers'), `shop ${mcp.origin}/mcp Authorization: Bearer key\n`);
        node = await startNode(['--cache-tokens', '16384', '--context', '4096', '--mcp-servers-file', path.join(temporary, 'servers')]);
        Object.assign(codes, {
            sum: 'const list = [1, 2, 3];\nconsole.log("adding", list);\nlist.reduce((a, b) => a + b)', later: 'return await new Promise((done) => setTimeout(() => done("later"), 50))', wrong: 'nowhere()', endless: 'for (;;) {}',
            network: `const tries = { fetch: () => fetch('http://127.0.0.1:${elsewhere.address().port}/'), own: () => fetch('${node.origin}/v1/status'), socket: () => new Promise((yes, no) => { const s = new WebSocket('ws://127.0.0.1:${elsewhere.address().port}/'); s.onopen = yes; s.onerror = no; }),
                script: async () => importScripts('http://127.0.0.1:${elsewhere.address().port}/'), document: async () => document.title, storage: () => new Promise((yes, no) => { const r = indexedDB.open('x'); r.onsuccess = yes; r.onerror = no; }) };
                const found = {}; for (const [name, attempt] of Object.entries(tries)) found[name] = await Promise.resolve().then(attempt).then(() => 'went', () => 'refused'); return found;`,
        });
        const script = (question) => {
            if (codes[question]) return endWithCall('run_javascript', { code: codes[question] });
            if (question === 'weather') return endWithCall('shop__get_weather', { city: 'Rome' });
            if (question === 'slow') return endWithCall('shop__slow', {});
            return piece({ content: `It said: ${question}` }) + end();
        };
        // MCP goes on to a real node, and from there to a real server.
        server = await startStandIn((question, response) => response.end(script(question)), async (request, response) => {
            if (!request.url.startsWith('/v1/mcp')) return false;
            const body = [];
            for await (const chunk of request) body.push(chunk);
            const headers = Object.fromEntries(['content-type', 'mcp-session-id', 'mcp-protocol-version'].filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
            const reply = await fetch(node.origin + request.url, { method: request.method, headers, body: body.length ? Buffer.concat(body) : undefined });
            response.statusCode = reply.status;
            for (const name of ['content-type', 'mcp-session-id']) if (reply.headers.get(name)) response.setHeader(name, reply.headers.get(name));
            response.end(Buffer.from(await reply.arrayBuffer()));
            return true;
        });
        ({ page, context, complaints } = await openPage(browser, server.origin));
        await page.waitForSelector('.dot.good');
    });
    after(async () => { await context?.close(); await server?.close(); await node?.stop(); await mcp?.close(); elsewhere?.close(); });

    async function result(question) {
        await page.keyboard.press('Control+Shift+O');
        await ask(page, question);
        await page.waitForSelector('.call pre[aria-label=Result]');
        return JSON.parse(await page.locator('.call pre[aria-label=Result]').textContent());
    }

    test('JavaScript runs, prints and gives its last value', async () => {
        assert.deepEqual(await result('sum'), { output: 'adding [1,2,3]', result: '6' });
        assert.equal(await page.locator('.call pre').first().textContent(), codes.sum);
        await page.waitForSelector('.turn.assistant >> text=It said');
        assert.deepEqual(await result('later'), { result: 'later' });
        assert.match((await result('wrong')).error, /nowhere is not defined/);
    });

    test('code without an end is ended, and the page stays usable', async () => {
        const found = result('endless');
        await page.waitForSelector('.call >> text=Running…');
        // A frame is drawn before the code is ended.
        assert.ok(await page.evaluate(() => new Promise(requestAnimationFrame).then(() => document.querySelector('.call').textContent.includes('Running…'))));
        assert.match((await found).error, /longer than 5 s/);
        assert.equal(await page.locator('iframe').count(), 0);
    });

    test('JavaScript has no network, no page and no storage', async () => {
        const found = JSON.parse((await result('network')).result);
        assert.deepEqual(found, { fetch: 'refused', own: 'refused', socket: 'refused', script: 'refused', document: 'refused', storage: 'refused' });
        assert.equal(leaks, 0);
    });

    test('tools of a listed server are offered, and each call is asked about', async () => {
        complaints.length = 0;   // the refusals above
        await page.keyboard.press('Control+Shift+O');
        await page.getByText('Settings', { exact: true }).click();
        await page.getByText('Add tools of shop').click();
        await page.waitForSelector('text=4 tools added');
        const tools = JSON.parse(await page.getByLabel('Tools (JSON array').inputValue());
        assert.deepEqual(tools.map((tool) => tool.function.name), ['shop__get_weather', 'shop__slow', 'shop__huge', 'shop__broken']);
        await page.getByLabel('Close the settings').click();
        await ask(page, 'weather');
        await page.waitForSelector('.call >> text=Send this to shop?');
        assert.deepEqual(mcp.calls, []);
        await page.getByText('Allow once').click();
        await page.waitForSelector('.call pre[aria-label=Result] >> text=sunny');
        await page.waitForSelector('.turn.assistant >> text=It said');
        assert.deepEqual(mcp.calls, ['Rome']);
    });

    test('a call that is refused never reaches the server, and the model is told', async () => {
        await page.keyboard.press('Control+Shift+O');
        await ask(page, 'weather');
        await page.getByText('Refuse', { exact: true }).click();
        await page.waitForSelector('.turn.assistant >> text=The user did not allow this call');
        assert.deepEqual(mcp.calls, ['Rome']);
    });

    test('a slow call is shown as it works, and can be ended', async () => {
        await page.keyboard.press('Control+Shift+O');
        const { wait } = mcp.pace;
        let letGo;
        mcp.pace.wait = () => new Promise((resolve) => { letGo = resolve; });
        await ask(page, 'slow');
        await page.getByText('Allow once').click();
        await page.waitForSelector('.call >> text=Running…');
        await page.getByText('End this call').click();
        await page.waitForSelector('.call pre[aria-label=Result] >> text=The user ended this call');
        mcp.pace.wait = wait;
        letGo();   // a node that stops would wait for it
        await page.keyboard.press('Control+Shift+O');
        await ask(page, 'slow');
        await page.getByText('Allow once').click();
        await page.waitForSelector('.call pre[aria-label=Result] >> text=at last');
    });

    test('the browser complained about nothing', () => assert.deepEqual(complaints, []));
});
