// Takes the pictures of docs/images/: node console_pictures.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openPage, startBrowser } from './support/browser.mjs';
import { startNode } from './support/node.mjs';

const folder = process.argv[2] ?? new URL('../docs/images', import.meta.url).pathname;
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'console-pictures-'));
const node = await startNode(['--cache-tokens', '262144', '--admin-port', '0', '--receipts', 'on', '--receipts-path', path.join(temporary, 'receipts.sqlite')], { HOST_PRIVATE_KEY: `0x${'11'.repeat(32)}` });
const browser = await startBrowser();
const { page } = await openPage(browser, node.origin, { viewport: { width: 1280, height: 800 } });

async function ask(text) {
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'));
    await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
    await page.waitForTimeout(500);
}
async function take(name, height = 800) {
    for (const [ending, colorScheme, width] of [['', 'light', 1280], ['-dark', 'dark', 1280], ['-phone', 'dark', 390], ['-wide', 'light', 1920]]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height });
        await page.waitForTimeout(500);
        await page.screenshot({ path: `${folder}/console-${name}${ending}.png` });
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });
}

await page.waitForSelector('.dot.good');
await page.waitForSelector('.first-start');
await take('start');
await page.click('a[href="#connect"]');
await page.waitForSelector('.connect >> text=Claude Code');
await take('connect');
await page.goBack();
await ask('What is the capital of France?');
await page.keyboard.press('Control+Shift+O');
await ask('Write a short poem about computers.');
await page.keyboard.press('Control+Shift+O');
await ask('What is 47 + 38?');
await page.getByText('Settings', { exact: true }).click();
await page.getByLabel('Temperature').fill('0');
await page.getByText('Add calculator and clock').click();
await page.getByLabel('Close the settings').click();
await ask('What is 6 times 7? Use the calculator.');
await page.locator('.reasoning summary').first().click();
await page.locator('.turns').evaluate((turns) => { turns.scrollTop = 0; });
await take('chat');

// The operators' page, with some traffic, so that there is something to draw.
await page.goto(`${node.log().match(/operators: (http:[^\s]+)\/admin/)[1]}/#machine`);
const poem = { messages: [{ role: 'user', content: 'Write a short poem about computers.' }], logit_bias: { 4088: -100, 4092: -100 } };
let isOver = false;
const conversations = [3000, 1500, 4000].map(async (max_tokens, index) => {
    await new Promise((resolve) => setTimeout(resolve, index * 8000));
    while (!isOver) await (await node.post('/v1/chat/completions', { ...poem, max_tokens })).text();
});
await page.waitForTimeout(60_000);
await take('machine', 1500);
isOver = true;
await Promise.all(conversations);
await browser.close();
await node.stop();
fs.rmSync(temporary, { recursive: true });
process.exit();
