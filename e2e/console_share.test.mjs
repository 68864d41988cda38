// A chat leaves the console: as a file for another browser, as Markdown, on paper.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { longChat } from './console_scroll.mjs';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';

let browser, server, page, context, complaints;
before(async () => {
    server = await startStandIn((question, response) => response.end(piece({ reasoning: 'Hm.', content: `**Answer** to ${question}` }) + end()));
    browser = await startBrowser();
    ({ page, context, complaints } = await openPage(browser, server.origin, { acceptDownloads: true }));
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.waitForSelector('.dot.good');
    await page.fill('#message', 'Which one?');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
});
after(async () => { await context?.close(); await browser?.close(); await server?.close(); });

const act = async (what) => {
    await page.getByLabel('Actions for this chat').click();
    await page.waitForSelector('.menu:popover-open button:focus');
    await page.locator('.menu:popover-open').getByRole('button', { name: what, exact: true }).click();
};
const saved = async (what) => {
    const [download] = await Promise.all([page.waitForEvent('download'), act(what)]);
    return { name: download.suggestedFilename(), text: fs.readFileSync(await download.path(), 'utf8') };
};

test('a shared file holds this chat alone, and is read by another browser', async () => {
    const { name, text } = await saved('Share as a file');
    assert.equal(name, 'Which one.json');
    const { format, conversations } = JSON.parse(text);
    assert.deepEqual([format, conversations.length, conversations[0].turns.map((turn) => turn.text)], ['gpt-oss-node-conversations', 1, ['Which one?', '**Answer** to Which one?']]);
    const other = await openPage(browser, server.origin);
    await other.page.setInputFiles('.foot input[type=file]', { name, mimeType: 'application/json', buffer: Buffer.from(text) });
    await other.page.waitForSelector('.turn.assistant >> text=Answer to Which one?');
    await other.context.close();
});

test('as Markdown it is saved and copied', async () => {
    const wanted = '# Which one?\n\n**User**\n\nWhich one?\n\n**Assistant**\n\n**Answer** to Which one?\n';
    assert.deepEqual(await saved('Save as Markdown'), { name: 'Which one.md', text: wanted });
    await act('Copy as Markdown');
    await page.waitForFunction((text) => navigator.clipboard.readText().then((found) => found === text), wanted);
});

test('on paper the whole chat is drawn, and nothing but the chat', async () => {
    await page.setInputFiles('.foot input[type=file]', { name: 'long.json', mimeType: 'application/json', buffer: Buffer.from(longChat(100)) });
    await page.waitForSelector('h1 >> text=A long chat');
    await page.waitForSelector('.stretch.far');
    await page.evaluate(() => {
        window.print = () => {
            const seen = (selector) => [...document.querySelectorAll(selector)].length;
            window.printed = { undrawn: seen('.turn.later, .far, .rest'), turns: seen('.turn'), tables: seen('.assistant table') };
        };
    });
    await act('Print');
    await page.waitForFunction(() => window.printed);
    assert.deepEqual(await page.evaluate(() => window.printed), { undrawn: 0, turns: 100, tables: 50 });
    // By the browser's own menu too.
    await page.waitForSelector('.stretch.far');
    const paper = (await page.pdf()).toString('latin1');
    assert.ok([...paper.matchAll(/\/Type \/Page\b/g)].length > 10);
    await page.emulateMedia({ media: 'print' });
    const shown = await page.evaluate(() => ['.top', '.list', '.composer', '.bar button', '.turn footer', '.turns'].filter((selector) => document.querySelector(selector).checkVisibility()));
    assert.deepEqual(shown, ['.turns']);
    await page.emulateMedia({ media: 'screen' });
    await page.waitForSelector('.stretch.far');   // and the screen is as cheap as before
});

test('the browser complained about nothing', () => assert.deepEqual(complaints, []));
