// What WCAG 2.2 AA asks beyond names and colours: the focus is seen and nothing hides it, targets are large enough, keys can be turned off.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';

const narrow = { width: 390, height: 800 };
const wide = { width: 1280, height: 800 };
let browser, server, page, context;
before(async () => {
    server = await startStandIn((question, response) => response.end(piece({ reasoning: 'Hm.', content: `Answer to ${question}\n\n\`\`\`js\nconst x = 1;\n\`\`\`\n` }) + end()));
    browser = await startBrowser();
    ({ page, context } = await openPage(browser, server.origin));
    await page.waitForSelector('.dot.good');
    for (const question of ['First', 'Second']) {
        await page.keyboard.press('Control+Shift+O');
        await page.waitForFunction(() => document.querySelectorAll('.turn').length === 0);
        await page.fill('#message', question);
        await page.keyboard.press('Enter');
        await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
    }
});
after(async () => { await context?.close(); await browser?.close(); await server?.close(); });

// What has the focus: whether any of it can be seen (2.4.11), whether something shows that it has it (2.4.7).
const seen = () => page.evaluate(() => {
    const active = document.activeElement;
    if (active === document.body) return null;
    const element = active.matches('input[type=file], input[type=radio], input[type=checkbox]') ? active.closest('label') ?? active : active;
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const [low, high] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    const parts = [0.1, 0.3, 0.5, 0.7, 0.9];
    const isSeen = parts.some((x) => parts.some((y) => { const hit = document.elementFromPoint(left + (right - left) * x, low + (high - low) * y); return hit && (element.contains(hit) || hit.contains(element)); }));
    let marked = active;
    while (marked && getComputedStyle(marked).outlineStyle === 'none') marked = marked.parentElement;
    return { what: active.outerHTML.slice(0, 120), isSeen: isSeen && high > low, isMarked: marked !== null };
});

async function walk(name) {
    const start = await page.evaluate(() => { document.activeElement.blur(); return document.querySelectorAll('button, a, input, textarea, summary, [tabindex="0"]').length; });
    const found = [];
    for (let steps = 0; steps <= start; steps += 1) {
        await page.keyboard.press('Tab');
        let here = await seen();
        // A page that scrolls to what has the focus takes a few frames to get there, on a busy machine longer.
        for (let tries = 0; here && !here.isSeen && tries < 40; tries += 1) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            here = await seen();
        }
        if (here && !(here.isSeen && here.isMarked)) found.push(here);
        if (!here && steps > 0) break;
    }
    assert.deepEqual(found, [], name);
    // 2.5.8, of what is not within a sentence.
    const small = await page.evaluate(() => [...document.querySelectorAll('button, summary, input:not([type=file], [type=radio], [type=checkbox]), textarea, label:has(input), nav a')]
        .filter((element) => element.checkVisibility() && !element.closest('.block p, .block li')).map((element) => ({ what: element.outerHTML.slice(0, 100), box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24)).map(({ what, box }) => `${what} ${box.width}x${box.height}`));
    assert.deepEqual(small, [], name);
}

test('the focus is seen wherever Tab goes, wide and on a phone', async () => {
    for (const [name, size] of Object.entries({ wide, narrow })) {
        await page.setViewportSize(size);
        await walk(`chat, ${name}`);
        await page.getByRole('button', { name: 'Settings', exact: true }).click();
        await page.waitForSelector('.settings');
        await walk(`settings, ${name}`);
        if (await page.locator('.settings').count()) await page.getByLabel('Close the settings').click();
        for (const where of ['connect', 'machine']) {
            await page.click(`a[href="#${where}"]`);
            await page.waitForSelector(`.machine h1`);
            await walk(`${where}, ${name}`);
        }
        await page.goBack();
        await page.goBack();
        await page.waitForSelector('#message');
    }
});

test('what lies over the page on a phone takes the focus, gives it back, and closes when the focus leaves it', async () => {
    await page.setViewportSize(narrow);
    const list = page.getByRole('button', { name: 'Chats', exact: true });
    const inList = () => page.evaluate(() => document.activeElement.closest('.list') !== null);
    await list.press('Enter');
    await page.waitForSelector('.list.open');
    assert.ok(await inList());
    await page.keyboard.press('Escape');
    await page.waitForSelector('.list:not(.open)', { state: 'attached' });
    assert.ok(await list.evaluate((button) => button === document.activeElement));
    await page.keyboard.press('Enter');
    await page.waitForSelector('.list.open');
    for (let steps = 0; steps < 20 && await inList(); steps += 1) await page.keyboard.press('Tab');
    await page.waitForSelector('.list:not(.open)', { state: 'attached' });
    await page.setViewportSize(wide);
});

test('the single keys can be turned off, and stay off', async () => {
    const press = async () => { await page.locator('.turns').focus(); await page.keyboard.press('?'); };
    await press();
    await page.getByLabel('The single keys').uncheck();
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    for (const again of [false, true]) {
        if (again) { await page.reload(); await page.waitForSelector('.turn'); }
        await press();
        await page.keyboard.press('/');
        assert.equal(await page.locator('dialog').count(), 0);
        assert.ok(await page.locator('.turns').evaluate((turns) => turns === document.activeElement));
    }
    await page.getByLabel('Keyboard', { exact: true }).click();
    await page.getByLabel('The single keys').check();
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await press();
    await page.waitForSelector('dialog');
    await page.keyboard.press('Escape');
});

test('the tab is called what it shows, and a copy is told', async () => {
    assert.equal(await page.title(), 'Second · gpt-oss-node');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('.turn.assistant footer').getByText('Copy', { exact: true }).click();
    await page.waitForSelector('.turn.assistant footer [role=status]:has-text("Copied")', { state: 'attached' });
    await page.click('a[href="#connect"]');
    await page.waitForFunction(() => document.title === 'Connect · gpt-oss-node');
    await page.getByRole('button', { name: 'Copy the Base URL', exact: true }).click();
    await page.waitForSelector('.facts [role=status]:has-text("Copied")', { state: 'attached' });
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${server.origin}/v1`);
});
