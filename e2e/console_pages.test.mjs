// The console's pages about the node: first start, connect, machine. And that what it suggests succeeds.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { checkAccessibility } from './support/accessibility.mjs';
import { openPage, startBrowser } from './support/browser.mjs';
import { startModelHost } from './support/model_host.mjs';
import { startNode, waitFor } from './support/node.mjs';

const small = ['--cache-tokens', '16384', '--context', '4096'];
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'console-pages-'));
const key = 'sk-a-key-nobody-guesses';
const parts = [1, 2, 3].map((part) => `gpt-oss-120b-mxfp4-0000${part}-of-00003.gguf`);
let browser, host, other, node, admin;

before(async () => {
    const demo = new URL('../models/demo/', import.meta.url).pathname;
    const files = Object.fromEntries(parts.map((name) => [name, fs.readFileSync(path.join(demo, name.replace('gpt-oss-120b-mxfp4', 'gpt-oss-demo')))]));
    host = await startModelHost(files);
    fs.writeFileSync(path.join(temporary, 'keys'), `me ${key}\n`);
    other = await startNode([...small, '--api-keys-file', path.join(temporary, 'keys'), '--model-name', 'the-other']);
    fs.writeFileSync(path.join(temporary, 'fleet'), `north ${other.origin} Authorization: Bearer ${key}\ngone http://127.0.0.1:9\n`);
    node = await startNode([...small, '--admin-port', '0', '--download-folder', path.join(temporary, 'models'), '--fleet-file', path.join(temporary, 'fleet'),
        '--receipts', 'on', '--receipts-path', path.join(temporary, 'receipts.sqlite')], { HF_ENDPOINT: host.url, HOST_PRIVATE_KEY: `0x${'11'.repeat(32)}` });
    admin = await waitFor(() => node.log().match(/operators: (http:[^\s]+)\/admin/)?.[1]);
    browser = await startBrowser();
});
after(async () => {
    await browser?.close();
    await node?.stop();
    await other?.stop();
    await host?.close();
    fs.rmSync(temporary, { recursive: true });
});

// Once in the page; then what the page asked is asked again, as the page asks it. Ten of ten: CONSOLE_ROUNDS=10.
const rounds = Number(process.env.CONSOLE_ROUNDS ?? 2);
test(`each suggestion succeeds on the demo model, ${rounds} times of ${rounds}`, async () => {
    const { page, context } = await openPage(browser, node.origin);
    const wanted = { 'What is the capital of France?': /Paris/, 'Write a short poem about computers.': /\n.*\n/, 'Count backwards from 10': /10, 9, 8, 7, 6, 5, 4, 3, 2, 1/, 'What is 6 times 7? Use the calculator.': /42/ };
    const asked = [];
    page.on('request', (request) => { if (request.method() === 'POST' && request.url() === `${node.url}/responses`) asked.push(request.postDataJSON()); });
    await page.waitForSelector('.suggestions button:not([disabled])');
    const suggestions = await page.locator('.suggestions button').allInnerTexts();
    assert.deepEqual(suggestions.map((text) => text.trim()), Object.keys(wanted));
    for (const [text, expected] of Object.entries(wanted)) {
        await page.keyboard.press('Control+Shift+O');
        await page.getByRole('button', { name: text, exact: true }).and(page.locator('.suggestions button')).click();
        const last = () => page.evaluate(() => ({ text: document.querySelector('.turn.assistant:last-child .text')?.innerText ?? '',
            isOver: document.querySelectorAll('[aria-busy=true]').length === 0 && /Regenerate/.test(document.querySelector('.turn.assistant:last-child footer')?.textContent ?? '') }));
        // A call is followed by the answer that its result leads to.
        await waitFor(async () => { const { text: said, isOver } = await last(); return isOver && said; }).catch(async () => assert.fail(await page.locator('.turns').innerText()));
        assert.match((await last()).text, expected, text);
        assert.equal(await page.locator('.turn .problem').count(), 0);
    }
    await context.close();
    const replies = [...Object.values(wanted).slice(0, 3), /calculate/, /42/];
    assert.equal(asked.length, replies.length);
    for (let round = 1; round < rounds; round += 1) {
        await Promise.all(asked.map(async (body, place) => {
            const { output } = await (await node.post('/v1/responses', { ...body, store: false, background: false })).json();
            const said = output.map((item) => (item.type === 'function_call' ? item.name : item.type === 'message' ? item.content.map(({ text }) => text).join('') : '')).join('');
            assert.match(said, replies[place], `round ${round}`);
        }));
    }
});

test('the first start explains the demo model, and is out of the way once it is known', async () => {
    const { page, context, complaints } = await openPage(browser, node.origin);
    await page.waitForSelector('.first-start >> text=This is the demo model');
    assert.match(await page.locator('.first-start').innerText(), /gpt-oss-20b[\s\S]*12\.1 GB[\s\S]*gpt-oss-node download gpt-oss-20b[\s\S]*MODEL_PATH/);
    assert.equal(await page.getByRole('button', { name: 'Download gpt-oss-20b', exact: true }).count(), 0, 'only operators download');
    await checkAccessibility(page);
    await page.getByText('Got it').click();
    await page.reload();
    await page.waitForSelector('text=What this model is, and how to get the real one');
    assert.equal(await page.locator('.first-start').count(), 0);
    assert.deepEqual(complaints, []);
    await context.close();
});

test('the connect page has settings to paste, with this node in them', async () => {
    const { page, context, complaints } = await openPage(browser, `${node.origin}/#connect`);
    await page.waitForSelector('.connect >> text=Claude Code');
    const text = await page.locator('.connect').innerText();
    assert.match(text, new RegExp(`Base URL\\s+${node.url}`));
    assert.match(text, new RegExp(`ANTHROPIC_BASE_URL=${node.origin}`));
    assert.match(text, /This node asks for none/);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('.connect .code-bar button').first().click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(command, new RegExp(`^curl ${node.url}/chat/completions`));
    await checkAccessibility(page);
    assert.deepEqual(complaints, []);
    await context.close();

    // Where keys are asked for the tab's own is put in on demand.
    const locked = await openPage(browser, `${other.origin}/#connect`);
    await locked.page.fill('#key', key);
    await locked.page.keyboard.press('Enter');
    await locked.page.waitForSelector('.connect >> text=YOUR-KEY');
    assert.doesNotMatch(await locked.page.content(), new RegExp(key));
    await locked.page.getByLabel('put this tab').check();
    await locked.page.waitForSelector(`text=Bearer ${key}`);
    await locked.context.close();
});

test('the machine page shows the day, the queue, the fleet, errors and receipts', async () => {
    const { page, context, complaints } = await openPage(browser, `${admin}/#machine`);
    await fetch(`${node.origin}/v1/models/nowhere`);
    const { id } = await (await node.post('/v1/responses', { input: 'Count backwards from 10' })).json();
    await page.waitForSelector('.fleet li:has-text("the-other") .dot.good');
    await page.waitForSelector('.fleet li:has-text("gone") .problem');
    await waitFor(async () => /\/v1\/models\/\*\s+404/.test(await page.locator('.machine').innerText()));
    const text = await page.locator('.machine').innerText();
    assert.match(text, /Not verified[\s\S]*at \d[\s\S]*Queue and pacer[\s\S]*Scheduling\s+balanced[\s\S]*The last hour[\s\S]*Other nodes 1 of 2 ready[\s\S]*Errors of the last hour/);
    await page.getByLabel('day').check();
    await page.waitForSelector('text=The last day');
    await page.waitForSelector(`tr:has-text("${id.slice(0, 20)}")`);
    await page.getByLabel(`Check the receipt of ${id}`).press('Enter');
    await page.waitForSelector('text=It holds: signed by 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A');
    await checkAccessibility(page);

    // A row for each request, with its stage.
    const stop = new AbortController();
    const running = fetch(`${node.origin}/v1/chat/completions`, { method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ messages: [{ role: 'user', content: 'Write a short poem about computers.' }], logit_bias: { 4088: -100, 4092: -100 }, stream: true }) });
    await page.waitForSelector('tr:has-text("/v1/chat/completions"):has-text("is answered")');
    stop.abort();
    await running.catch(() => undefined);
    assert.deepEqual(complaints, []);
    await context.close();
});

test('an operator downloads the real model with a button and serves it', async () => {
    const { page, context, complaints } = await openPage(browser, admin);
    await page.getByRole('button', { name: 'Download gpt-oss-120b' }).click();
    await page.waitForSelector('.first-start >> text=gpt-oss-120b is here, every part with the hash that was published');
    assert.match(await page.locator('.first-start').innerText(), new RegExp(`MODEL_PATH=${temporary}/models/gpt-oss-120b-GGUF/${parts[0]}`));
    await checkAccessibility(page);
    await page.getByText('Serve it now').click();
    await page.waitForSelector('.node:has-text("gpt-oss-120b")');
    await page.waitForSelector('.first-start', { state: 'detached' });
    assert.deepEqual(complaints, []);
    await context.close();
});
