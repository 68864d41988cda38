// The console in a real browser: against the demo model, and against scripted streams for what no model writes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkAccessibility } from './support/accessibility.mjs';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';
import { startNode, waitFor } from './support/node.mjs';

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'console-'));
const keyFile = path.join(temporary, 'keys');
fs.writeFileSync(keyFile, 'alice sk-a-key-nobody-guesses\n');
const small = ['--cache-tokens', '65536'];   // a pool that is claimed at once

let browser;
before(async () => { browser = await startBrowser(); });
after(async () => { await browser?.close(); fs.rmSync(temporary, { recursive: true }); });

// Not innerText, which leaves out what the browser has not found to be in sight yet (`content-visibility: auto`).
const said = (page) => page.locator('.assistant .text').textContent();
const answered = (page) => page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
const titlesOf = (page) => page.locator('.entry').evaluateAll((entries) => entries.map(({ title }) => title));
async function ask(page, text) {
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
}

describe('with the demo model', { concurrency: false }, () => {
    let node, page, context, complaints;
    before(async () => {
        node = await startNode(small);
        ({ page, context, complaints } = await openPage(browser, node.origin, { acceptDownloads: true }));
        await page.waitForSelector('.dot.good');
    });
    after(async () => { await context?.close(); await node?.stop(); });

    test('an answer comes with its reasoning and figures, and outlives a reload', async () => {
        await checkAccessibility(page);
        await ask(page, 'What is 2 + 3?');
        await answered(page);
        assert.match(await said(page), /5/);
        assert.match(await page.locator('.reasoning summary').innerText(), /Thought (for .* s )?· \d+ tokens/);
        assert.match(await page.locator('.assistant .figures').innerText(), /first token after .* · \d+ tokens · prompt \d+/);
        assert.match(await page.locator('.context').innerText(), /[\d,]+ of [\d,]+ tokens left/);
        await page.reload();
        await answered(page);
        assert.equal(await page.locator('.turn').count(), 2);
        await checkAccessibility(page);
    });

    test('an edited question and an answer said again stand beside what was there, also after a reload', async () => {
        await page.getByText('Regenerate').click();
        await page.waitForSelector('.assistant .versions >> text=2/2');
        await answered(page);
        await page.hover('.turn.user');
        await page.getByText('Edit', { exact: true }).click();
        await page.fill('textarea[aria-label="Edited question"]', 'What is 4 + 4?');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => /4 \+ 4/.test(document.querySelector('.said')?.textContent ?? ''));
        await answered(page);
        assert.equal(await page.locator('.entry').count(), 1);
        assert.equal(await page.locator('.user .versions').innerText(), '2/2');
        await page.locator('.user .versions').getByLabel('The version before').click();
        await page.waitForFunction(() => /2 \+ 3/.test(document.querySelector('.said')?.textContent ?? ''));
        await page.locator('.assistant .versions').getByLabel('The version before').click();
        await page.waitForSelector('.assistant .versions >> text=1/2');
        await page.reload();
        await page.waitForSelector('.assistant .versions >> text=1/2');
        assert.match(await page.locator('.said').innerText(), /2 \+ 3/);
    });

    test('chats are renamed, pinned, put into folders and found again', async () => {
        await page.keyboard.press('Control+Shift+O');
        await ask(page, 'What is 7 + 1?');
        await answered(page);
        const act = async (what) => {
            await page.getByLabel('Actions for this chat').click();
            await page.getByRole('button', { name: what, exact: true }).click();
        };
        await act('Rename');
        await page.getByLabel('Its name').fill('Sums');
        await checkAccessibility(page);
        await page.keyboard.press('Enter');
        await page.waitForSelector('h1 >> text=Sums');
        await act('Move to a folder');
        await page.getByLabel("The folder's name").fill('Arithmetic');
        await page.keyboard.press('Enter');
        await page.waitForSelector('.entries h2 >> text=Arithmetic');
        await page.locator('.entries').getByText('What is 2 + 3?').click();
        await act('Pin');
        await page.waitForSelector('.entries h2 >> text=Pinned');
        await page.reload();
        await page.waitForSelector('.entries h2 >> text=Pinned');
        assert.deepEqual(await page.locator('.entries h2').allInnerTexts(), ['Pinned', 'Arithmetic']);
        // Pressed until the page, which was just loaded, takes it.
        while (!await page.evaluate(() => document.activeElement.id === 'search')) {
            await page.keyboard.press('Control+k');
            await page.waitForTimeout(50);
        }
        await page.keyboard.type('arith');
        await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
        await page.fill('#search', '');
        await act('Unpin');
    });

    test('a draft stays with its chat, over reloads and in another tab', async () => {
        await page.keyboard.press('Control+Shift+O');
        await page.fill('#message', 'Not yet sent');
        await page.locator('.entries').getByText('Sums').click();
        assert.equal(await page.inputValue('#message'), '');
        await page.fill('#message', 'For the sums');
        await page.waitForTimeout(500);
        await page.reload();
        await page.waitForSelector('h1 >> text=Sums');
        await page.waitForFunction(() => document.querySelector('#message').value === 'For the sums');
        const other = await context.newPage();
        await other.goto(page.url());
        await other.waitForFunction(() => document.querySelector('#message').value === 'For the sums');
        await other.fill('#message', '');
        await page.waitForFunction(() => document.querySelector('#message').value === '');
        await other.close();
        await page.locator('.entries').getByText('Not yet sent').click();
        assert.equal(await page.inputValue('#message'), 'Not yet sent');
        await page.fill('#message', '');
    });

    test('the colours can be chosen, and the keys are listed', async () => {
        const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
        await page.getByLabel('Colours: system').click();
        await page.getByLabel('Colours: light').click();
        assert.equal(await scheme(), 'dark');
        await page.reload();
        await page.getByLabel('Colours: dark').click();
        assert.equal(await scheme(), 'light dark');
        await page.locator('h1').click();
        await page.keyboard.press('?');
        await page.waitForSelector('dialog >> text=begins a new chat');
        await checkAccessibility(page);
        await page.keyboard.press('Escape');
        await page.waitForSelector('dialog', { state: 'detached' });
    });

    test('a tool of the page is called, and the model goes on with its result', async () => {
        await page.keyboard.press('Control+Shift+O');
        await page.getByText('Settings', { exact: true }).click();
        await page.getByText('Add calculator and clock').click();
        await page.getByLabel('Temperature').fill('0');
        await page.getByLabel('Temperature').blur();
        await checkAccessibility(page);
        await page.getByLabel('Close the settings').click();
        await ask(page, 'What is 6 times 7? Use the calculator.');
        await page.waitForSelector('.call:has-text("calculate") >> text=Result');
        assert.match(await page.locator('.call').first().innerText(), /"result":42/);
        await answered(page);
        assert.equal(await page.locator('.turn.assistant').count(), 2);
    });

    test('a tool the page does not have gets its result from the person', async () => {
        await page.keyboard.press('Control+Shift+O');
        await page.getByText('Settings', { exact: true }).click();
        await page.getByLabel('Tools (JSON array').fill('');
        await page.getByText('Add an example').click();
        await page.getByLabel('Close the settings').click();
        await ask(page, 'What is the weather in Rome?');
        await page.waitForSelector('.call:has-text("get_weather") >> text=Its result');
        assert.match(await page.locator('.call pre').innerText(), /Rome/);
        await page.fill('.call textarea', '{"weather": "sunny"}');
        await page.getByText('Give the result').click();
        await page.waitForSelector('.turn.assistant:nth-child(3) >> text=Regenerate');
        assert.equal(await page.locator('.turn.assistant').count(), 2);
    });

    test('a dropped file is counted and read', async () => {
        await page.keyboard.press('Control+Shift+O');
        await page.evaluate(() => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(['The code word for Alice is tiger.'], 'note.txt'));
            dispatchEvent(new DragEvent('dragover', { dataTransfer }));
            dispatchEvent(new DragEvent('drop', { dataTransfer }));
        });
        await page.waitForSelector('.composer .files >> text=note.txt');
        assert.match(await page.locator('.composer .files').innerText(), /\d+ tokens/);
        await ask(page, 'What is the code word for Alice?');
        await answered(page);
        assert.match(await said(page), /tiger/i);
    });

    test('stopping an answer frees its place at the node at once', async () => {
        await page.keyboard.press('Control+Shift+O');
        // Without the tokens that end a message (<|return|> and <|end|>) an answer ends only when it is stopped.
        await page.route('**/v1/responses', (route) => route.continue({
            postData: JSON.stringify({ ...route.request().postDataJSON(), logit_bias: { 4088: -100, 4092: -100 } }) }));
        const running = () => node.metric('gptoss_sequences_running');
        await ask(page, 'Write a short poem about computers.');
        await page.waitForSelector('.figures:has-text("tok/s")');
        assert.equal(await running(), 1);
        await page.keyboard.press('Escape');
        await waitFor(async () => await running() === 0);
        assert.equal(await node.metric('gptoss_generations_total{reason="cancelled"}'), 1);   // it did not come to an end by itself
        await page.waitForSelector('.figures:has-text("stopped")');
        await page.unroute('**/v1/responses');
    });

    test('conversations go out, and come back in another browser', async () => {
        const titles = await titlesOf(page);
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Export').click()]);
        const file = path.join(temporary, 'conversations.json');
        await download.saveAs(file);
        const other = await openPage(browser, node.origin);
        await other.page.setInputFiles('.foot input[type=file]', file);
        await other.page.waitForFunction((count) => document.querySelectorAll('.entry').length === count, titles.length);
        assert.deepEqual((await titlesOf(other.page)).sort(), [...titles].sort());
        // Once more: nothing is there twice.
        await other.page.setInputFiles('.foot input[type=file]', file);
        await other.page.waitForTimeout(300);
        assert.equal(await other.page.locator('.entry').count(), titles.length);
        await other.page.setInputFiles('.foot input[type=file]', { name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
        await other.page.waitForSelector('text=x.json cannot be imported');
        assert.deepEqual(other.complaints, []);
        await other.context.close();
    });

    test('what was thrown away can be brought back, at once or out of the trash', async () => {
        const count = await page.locator('.entry').count();
        const entries = (expected) => page.waitForFunction((wanted) => document.querySelectorAll('.entry').length === wanted, expected);
        const discard = async () => {
            await page.locator('.entries li').first().hover();
            await page.locator('.entries .more').first().click();
            await page.getByText('Move to the trash').click();
            await entries(count - 1);
        };
        await discard();
        // The notice covers nothing that can be pressed.
        assert.ok(await page.evaluate(() => document.querySelector('.composer').getBoundingClientRect().bottom <= document.querySelector('.notice').getBoundingClientRect().top));
        await page.getByText('Undo').click();
        await entries(count);
        await discard();
        await page.reload();
        await entries(count - 1);
        await page.getByLabel('Trash, 1 chat').click();
        await checkAccessibility(page);
        await page.getByText('Bring back').click();
        await entries(count);
        await page.keyboard.press('Escape');
        await discard();
        await page.getByLabel('Trash, 1 chat').click();
        await page.getByText('Delete for good').click();
        await page.getByText('Yes, delete for good').click();   // what cannot be undone is asked twice
        await page.waitForSelector('text=The trash is empty');
        await page.keyboard.press('Escape');
        await page.reload();
        await entries(count - 1);
        await page.waitForSelector('[aria-label="Trash, 0 chats"]');
    });

    test('the machine page shows the model, its memory and how busy it is', async () => {
        await page.click('a[href="#machine"]');
        await page.waitForSelector('.uplot');
        await page.waitForFunction(() => /95 % within/.test(document.querySelector('.machine').textContent));
        assert.match(await page.locator('.machine').innerText(), /gpt-oss-demo[\s\S]*Generation[\s\S]*Memory[\s\S]*weights[\s\S]*The last hour/);
        await checkAccessibility(page);
        await page.click('a[href^="#chat"]');
    });

    test('everything can be reached with the keyboard', async () => {
        await page.keyboard.press('Control+Shift+O');
        await page.locator('.top a').first().focus();
        const reached = new Set();
        for (let i = 0; i < 90; i++) {
            reached.add(await page.evaluate(() => {
                const element = document.activeElement;
                return element.ariaLabel ?? (element.closest('label') ?? element).innerText?.trim().split('\n')[0] ?? element.tagName;
            }));
            await page.keyboard.press('Tab');
        }
        for (const name of ['Machine', 'New chat', 'Search conversations', 'Export', 'Import', 'Settings', 'Messages', 'Message', 'Attach a file', 'medium'])
            assert.ok(reached.has(name), `${name} in ${[...reached].join(', ')}`);
    });

    test('the browser complained about nothing', () => assert.deepEqual(complaints, []));

    test('hashed files are kept for ever, the page is asked for again, unknown paths are not the console', async () => {
        const response = await fetch(node.origin);
        assert.match(response.headers.get('content-security-policy'), /default-src 'none'/);
        const tag = response.headers.get('etag');
        assert.equal((await fetch(node.origin, { headers: { 'If-None-Match': tag } })).status, 304);
        const asset = (await response.text()).match(/\/assets\/[^"]+\.js/)[0];
        assert.match((await fetch(node.origin + asset)).headers.get('cache-control'), /immutable/);
        assert.equal((await fetch(`${node.origin}/nowhere`)).status, 404);
    });
});

test('a wrong key is refused in words, the right one opens; a restarted node is found again', async () => {
    let node = await startNode([...small, '--api-keys-file', keyFile]);
    const { page, context, complaints } = await openPage(browser, node.origin);
    await page.waitForSelector('#key:focus');   // whoever types at once types a key
    await page.fill('#key', 'sk-a-wrong-key-altogether');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=The node refused this key');
    await checkAccessibility(page);
    await page.waitForSelector('#key:focus');
    await page.fill('#key', 'sk-a-key-nobody-guesses');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.dot.good');
    await ask(page, 'What is 2 + 3?');
    await answered(page);
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    // The refusals are the only complaints; from here on the browser tells of connections that fail.
    assert.deepEqual(complaints.filter((text) => !/status of 401/.test(text)), []);

    await node.stop();
    await page.waitForSelector('text=The node does not answer');
    await ask(page, 'Are you there?');
    await page.waitForSelector('text=The node cannot be reached');
    node = await startNode([...small, '--api-keys-file', keyFile, '--port', new URL(node.origin).port]);
    await page.waitForSelector('.dot.good');
    await page.getByText('Regenerate').click();
    await page.waitForSelector('.turn.assistant:last-child .text .block');
    await context.close();
    await node.stop();
});

const row = '| مرحبا | <b>x</b> | `code` |\n';
const hostile = {
    'markup': '<script>window.pwned = 1</script>\n\n<img src=x onerror="window.pwned=1">\n\n<style>body { display: none }</style>\n\n'
        + '[a](javascript:window.pwned=1) ![b](https://example.com/x.png) <iframe src="/"></iframe>\n\n\\(\\href{javascript:alert(1)}{x}\\) \\[\\includegraphics{https://example.com/y}\\]',
    'a huge table': `| a | b | c |\n|---|---|---|\n${row.repeat(20_000)}`,
    'a code fence without an end': `\`\`\`html\n${'<script>window.pwned = 1</script>\n'.repeat(3000)}`,
    'letters from right to left and without width': `\u202eabc\u2066\u200b\u200d\ufeff ${'\u0301'.repeat(5000)} שלום`,
    'a line of a megabyte': `${'x'.repeat(1 << 19)}${'*_`['.repeat(1 << 17)}`,
    'deep nesting': `${'> '.repeat(3000)}x\n\n${'['.repeat(20_000)}\n\n${'*a '.repeat(20_000)}\n\n${Array.from({ length: 300 }, (_, depth) => `${'  '.repeat(depth)}- x`).join('\n')}`,
    'formulas without an end': '$$ \\frac{1}{'.repeat(2000) + '\n\n\\[\\def\\a{\\a\\a}\\a\\]',
};
test('hostile output is harmless', async (t) => {
    const server = await startStandIn(async (question, response) => {
        const text = hostile[question];
        for (let at = 0; at < text.length; at += 1 << 16) response.write(piece({ reasoning: text.slice(at, at + 64), content: text.slice(at, at + (1 << 16)) }));
        response.end(end());
    });
    t.after(server.close);
    const { page, context, complaints } = await openPage(browser, server.origin);
    t.after(() => context.close());
    await page.waitForSelector('.dot.good');
    for (const name of Object.keys(hostile)) {
        await page.keyboard.press('Control+Shift+O');
        await ask(page, name);
        await answered(page);
        assert.equal(await page.evaluate(() => window.pwned), undefined, name);
        const found = await page.evaluate(() => ({
            live: document.querySelectorAll('.turn :is(script, img, iframe, style, object, form, svg[onload])').length,
            links: [...document.querySelectorAll('.turn a')].map((link) => link.getAttribute('href')).filter((href) => !/^(https?|mailto):/.test(href)),
            tooWide: document.documentElement.scrollWidth > innerWidth,
        }));
        assert.deepEqual(found, { live: 0, links: [], tooWide: false }, name);
        assert.ok(await page.locator('#message').isVisible(), name);
    }
    assert.deepEqual(complaints, []);
});

test('the console works at a plain address of the own network', async (t) => {
    const server = await startStandIn((_, response) => response.end(piece({ content: 'Here.' }) + end()));
    t.after(server.close);
    const { page, context, complaints } = await openPage(browser, server.origin.replace('127.0.0.1', 'node.test'));
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await ask(page, 'Where?');
    await answered(page);
    await page.getByText('Copy', { exact: true }).click();
    await page.waitForSelector('text=Copied');
    // A policy that only trusted addresses may set is passed over there, as Chromium says in a warning.
    assert.deepEqual(complaints.filter((text) => !/Cross-Origin-Opener-Policy/.test(text)), []);
    await context.close();
});
