// What an answer may hold, drawn in a real browser: code, tables, tasks, formulas, diagrams. Without a complaint of the
// browser's, and without anything that hostile text could use.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';
import { waitFor } from './support/node.mjs';

const answers = {
    rich: [
        'Roses are red,\nviolets are blue.', '```python\nprint("hello")\n```',
        '| item | price |\n|:-----|------:|\n| tea | 3 |\n| coffee | 12 |', '- [ ] milk\n- [x] bread', 'See https://example.com/page for more.',
        'Einstein: $E = mc^2$, a price: $5, and \\(a^2\\).', '```mermaid\ngraph TD; A[Start] --> B{Choice}; B --> C[End]\n```', '```mermaid\nthis is no diagram\n```',
    ].join('\n\n'),
    hostile: [
        '```mermaid\ngraph TD; a["<img src=x onerror=top.pwned=1>"] --> b["<script>top.pwned=1</script>"]\nclick a "javascript:top.pwned=1"\n```',
        '```mermaid\n%%{init: {"securityLevel": "loose", "themeCSS": "*{background:url(LEAK)}"}}%%\ngraph TD; a --> b\n```',
    ].join('\n\n'),
};

let browser, server, elsewhere, leak, page, context, complaints;
let leaks = 0;
before(async () => {
    elsewhere = http.createServer((_, response) => { leaks += 1; response.end(); }).listen(0, '127.0.0.1');
    await new Promise((resolve) => elsewhere.once('listening', resolve));
    leak = `http://127.0.0.1:${elsewhere.address().port}/`;
    server = await startStandIn((question, response) => response.end(piece({ content: answers[question].replaceAll('LEAK', leak) }) + end()));
    browser = await startBrowser();
    ({ page, context, complaints } = await openPage(browser, server.origin));
    await page.waitForSelector('.dot.good');
});
after(async () => { await context?.close(); await browser?.close(); await server?.close(); elsewhere?.close(); });

async function ask(text) {
    await page.keyboard.press('Control+Shift+O');
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
}

test('code, tables, tasks, links and formulas are drawn', async () => {
    await ask('rich');
    await page.waitForSelector('.katex');
    const found = await page.evaluate(() => ({
        lines: document.querySelectorAll('.assistant .block p br').length > 0,
        languages: [...document.querySelectorAll('.code-bar > span')].map((name) => name.textContent),
        aligned: getComputedStyle(document.querySelector('td.align-right')).textAlign,
        tasks: [...document.querySelectorAll('li.task')].map((item) => item.textContent),
        link: document.querySelector('.block p a')?.getAttribute('href'),
        formulas: document.querySelectorAll('.katex').length,
    }));
    assert.deepEqual(found, { lines: true, languages: ['python', 'mermaid', 'mermaid'], aligned: 'end', tasks: ['☐ milk', '☑ bread'], link: 'https://example.com/page', formulas: 2 });
});

test('code is copied by its button', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const button = page.locator('.code-bar button').first();
    await button.click();
    await page.waitForSelector('.code-bar >> text=Copied');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'print("hello")\n');
    assert.ok(await page.locator('.code-box code').first().evaluate((code) => parseFloat(getComputedStyle(code).fontSize)) > 13, 'code is read without glasses');
});

test('a diagram is drawn in a frame of no origin, and its code stays a press away', async () => {
    await page.waitForSelector('.code-box.drawing iframe');
    const drawing = page.locator('.code-box.drawing iframe');   // the other one may be there still
    assert.equal(await drawing.getAttribute('sandbox'), 'allow-scripts');
    const frame = await (await drawing.elementHandle()).contentFrame();
    assert.equal(await frame.evaluate(() => origin), 'null');
    await frame.waitForSelector('svg >> text=Choice');
    assert.ok(Number(await drawing.getAttribute('height')) > 100);
    // It turns dark with the page.
    const background = () => frame.evaluate(() => getComputedStyle(document.querySelector('svg .node rect')).fill);
    const before = await background();
    await page.getByLabel('Colours: system').click();
    await page.getByLabel('Colours: light').click();
    await waitFor(async () => await background() !== before);
    await page.locator('.drawing .code-bar >> text=Code').click();
    await page.locator('.code-box pre >> text=graph TD').waitFor({ state: 'visible' });
    await page.locator('.code-bar >> text=Diagram').click();
    // What is no diagram stays code: one frame is left.
    await waitFor(async () => await page.locator('iframe').count() === 1);
});

test('the browser complained about nothing', () => assert.deepEqual(complaints, []));

test('a hostile diagram reaches neither the page nor the network', async () => {
    await ask('hostile');
    await waitFor(async () => await page.locator('.drawing iframe').count() === 2);
    for (const frame of page.frames().filter((each) => each.url().includes('mermaid-frame'))) {
        const escapes = await frame.evaluate(async (address) => {
            const tries = [() => fetch('/v1/status'), () => fetch(address, { mode: 'no-cors' }), () => { parent.document.title = 'x'; }, () => localStorage.length, () => open('/').closed];
            const results = [];
            for (const attempt of tries) results.push(await Promise.resolve().then(attempt).then(() => 'went', () => 'refused'));
            return results;
        }, leak);
        assert.deepEqual(escapes, escapes.map(() => 'refused'));
        await frame.evaluate((address) => { location.href = address; }, leak);
    }
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(leaks, 0);
});
