// Every task with the keyboard alone, and a name for every control in the tree that screen readers read.
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkNames } from './support/accessibility.mjs';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';

test('ask, ask again, edit, compare, rename, pin, throw away and bring back, without a mouse', async (t) => {
    let count = 0;
    const server = await startStandIn((question, response) => response.end(piece({ reasoning: 'Hm.', content: `Answer ${count += 1} to ${question}` }) + end()));
    const browser = await startBrowser();
    t.after(async () => { await browser.close(); await server.close(); });
    const { page, complaints } = await openPage(browser, server.origin);
    const { keyboard } = page;
    const press = async (...keys) => { for (const key of keys) await keyboard.press(key); };
    // Walks with Tab to the control of this name.
    const walkTo = async (name, key = 'Tab') => {
        for (let steps = 0; steps < 80; steps += 1) {
            const here = await page.evaluate(() => { const element = document.activeElement; return element.ariaLabel ?? element.innerText?.trim() ?? ''; });
            if (here === name) return;
            await keyboard.press(key);
        }
        assert.fail(`no way to ${name}`);
    };
    // A new chat is drawn a moment after its keys: what is typed before that would go to the chat before it.
    const emptyMessage = () => page.waitForFunction(() => document.activeElement.id === 'message' && document.activeElement.value === '' &&
        document.querySelectorAll('.turn').length === 0, undefined, { timeout: 5000 });
    await page.waitForSelector('.dot.good');
    await press('Control+Shift+O');
    await emptyMessage();
    await keyboard.type('First?');
    await press('Enter');
    await page.waitForSelector('text=Answer 1 to First?');
    await walkTo('Regenerate', 'Shift+Tab');
    await press('Enter');
    await page.waitForSelector('text=Answer 2 to First?');
    await walkTo('The version before', 'Shift+Tab');
    await press('Enter');
    await page.waitForSelector('text=Answer 1 to First?');
    await walkTo('Edit', 'Shift+Tab');
    await press('Enter');
    await page.waitForSelector('textarea[aria-label="Edited question"]:focus', { timeout: 5000 });
    await press('Control+A');
    await keyboard.type('Second?');
    await press('Enter');
    await page.waitForSelector('text=Answer 3 to Second?');
    await checkNames(page);
    await press('F2');
    await page.waitForSelector('dialog');
    await checkNames(page);
    await keyboard.type('Named');
    await press('Enter');
    await page.waitForSelector('h1 >> text=Named');
    await walkTo('Actions for this chat');
    const menuOpen = () => page.waitForSelector('.menu:popover-open button:focus');
    await press('Enter');
    await menuOpen();
    await press('ArrowDown', 'Enter');
    await page.waitForSelector('.entries h2 >> text=Pinned');
    await press('Control+Shift+O');
    await emptyMessage();
    await keyboard.type('Third?');
    await press('Enter');
    await page.waitForSelector('text=Answer 4 to Third?');
    await press('Alt+ArrowUp');
    await page.waitForSelector('h1 >> text=Named');
    await walkTo('Actions for this chat');
    await press('Enter');
    await menuOpen();
    await press('ArrowUp', 'Enter');   // the last: into the trash
    await page.waitForSelector('.notice >> text=Named');
    await walkTo('Trash, 1 chat');
    await press('Enter');
    await walkTo('Bring back: Named');
    await press('Enter', 'Escape');
    await page.waitForSelector('h1 >> text=Named');
    await page.waitForSelector('dialog', { state: 'detached' });   // keys of the page wait until it is closed
    await press('Control+k');
    await page.waitForSelector('input[type="search"]:focus', { timeout: 5000 });
    await keyboard.type('third');
    await page.waitForFunction(() => document.querySelectorAll('.entry').length === 1);
    await walkTo('Keyboard');
    await press('Enter');
    await page.waitForSelector('dialog >> text=begins a new chat');
    await press('Escape');
    await checkNames(page);
    assert.deepEqual(complaints, []);
});
