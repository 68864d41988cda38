// What the console keeps, where: older storage, a node that keeps no answers, a page that goes at the worst moment, two tabs at one chat.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';
import { startNode, waitFor } from './support/node.mjs';
import { answer, startScript } from './support/scripted_model.mjs';

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

const answered = (page) => page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
async function ask(page, text) {
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
}
const words = Array.from({ length: 150 }, (_, index) => `word ${index}`).join(', ');
const slow = [{ say: answer(words) }];
const textOf = async (page) => (await page.locator('.assistant .text').textContent()).trim();
// Of two tabs, once what each has shown has come to the other.
const sameText = (page, other) => waitFor(async () => { const text = await textOf(page); return text === await textOf(other) && text; },
    () => false, () => 'the tabs show different answers');

// One tab that asked, and sees the answer grow, and another at the same chat.
async function twoTabsAtAnAnswer(t, stepMs) {
    const node = await startScript(slow, ['--step-ms', String(stepMs)]);
    t.after(() => node.stop());
    const { page, context } = await openPage(browser, node.origin);
    await page.waitForSelector('.dot.good');
    await ask(page, 'Go');
    await page.waitForSelector('.assistant .text:has-text("word 3")');
    const other = await context.newPage();
    await other.goto(page.url());
    return { page, other, context };
}

test('conversations of the console before this one are all there', async (t) => {
    const server = await startStandIn((_, response) => response.end(end()));
    t.after(server.close);
    const { page, context } = await openPage(browser, `${server.origin}/v1/status`);   // a page without the console's code
    await page.evaluate(() => new Promise((resolve, reject) => {
        const request = indexedDB.open('gpt-oss-node', 1);
        request.onerror = () => reject(request.error);
        request.onupgradeneeded = () => request.result.createObjectStore('conversations', { keyPath: 'id' });
        request.onsuccess = () => {
            const store = request.result.transaction('conversations', 'readwrite').objectStore('conversations');
            const settings = { effort: 'low', instructions: '', temperature: 1, top_p: 1, top_k: 0, min_p: 0, max_tokens: 0, seed: '', tools: '' };
            const turns = [{ id: 'a', role: 'user', text: 'Old question' }, { id: 'b', role: 'assistant', text: 'Old answer', finish: 'stop', reasoning: 'Old thought' }];
            // A branch of those days had the same turns once more.
            store.put({ id: 'one', title: 'Old chat', changed: 5, turns, settings });
            store.put({ id: 'two', title: 'Old branch', changed: 6, turns: [turns[0], { id: 'c', role: 'assistant', text: 'Cut', error: 'Lost.' }], settings });
            store.transaction.oncomplete = () => { request.result.close(); resolve(); };
        };
    }));
    await page.goto(server.origin);
    await page.waitForSelector('.turn >> text=Cut');
    await page.locator('.entry').getByText('Old chat').click();
    await page.waitForSelector('.turn >> text=Old answer');
    assert.equal(await page.locator('.turn').count(), 2);
    assert.ok(await page.locator('.segments label').getByText('low').locator('input').isChecked());
    await context.close();
});

test('a node that keeps no answers still answers, and the page says what that means', async (t) => {
    const node = await startNode(['--cache-tokens', '65536'], { GPTOSS_RESPONSES_KEPT: 'false' });
    t.after(node.stop);
    const { page, context } = await openPage(browser, node.origin);
    await page.waitForSelector('.dot.good');
    await ask(page, 'What is 2 + 3?');
    await answered(page);
    assert.match(await page.locator('.assistant .text').textContent(), /5/);
    await page.waitForSelector('text=This node keeps no answers');
    await context.close();
});

test('an answer goes on without its page, and two tabs show it grow', async (t) => {
    const { page, other, context } = await twoTabsAtAnAnswer(t, 15);
    await other.waitForSelector('.assistant .text:has-text("word 3")');
    await page.close();
    const text = () => other.locator('.assistant .text').textContent();
    const before = await text();
    const hasGrown = ([length, whole]) => { const found = document.querySelector('.assistant .text').textContent; return found.length > length || found.trim() === whole; };
    await other.waitForFunction(hasGrown, [before.length, words]);
    // Another chat meanwhile: the first is marked, and complete when it is looked at again.
    await other.keyboard.press('Control+Shift+O');
    await ask(other, 'Go as well');
    await other.waitForSelector('.entry[title=Go] .dot');   // answering, or answered meanwhile
    await answered(other);
    await other.waitForFunction(() => !document.querySelector('.entry .waiting'));
    await other.locator('.entry[title=Go]').click();
    assert.equal((await text()).trim(), words);
    await context.close();
});

test('a question whose page goes at once is answered all the same', async (t) => {
    const node = await startScript(slow);
    t.after(() => node.stop());
    const { page, context } = await openPage(browser, node.origin);
    await page.waitForSelector('.dot.good');
    await page.fill('#message', 'Quick');
    await page.evaluate(() => { document.querySelector('.composer').requestSubmit(); location.reload(); });
    await page.waitForSelector('.said >> text=Quick');
    await answered(page);
    assert.equal((await page.locator('.assistant .text').textContent()).trim(), words);
    assert.equal(await page.locator('.turn').count(), 2);
    await page.fill('#message', 'Half a sen');
    await page.reload();
    await page.waitForFunction(() => document.querySelector('#message')?.value === 'Half a sen');
    await context.close();
});

test('a stopped answer stays as it was, in both tabs', async (t) => {
    const { page, other, context } = await twoTabsAtAnAnswer(t, 60);   // so slow that it surely is not over yet
    await other.waitForSelector('.assistant .text:has-text("word 5")');
    await other.keyboard.press('Escape');
    for (const each of [page, other]) await each.waitForSelector('.figures:has-text("stopped")');
    await sameText(page, other);
    await context.close();
});

test('what another tab reads beyond a stop is no part of the answer', async (t) => {
    // The tab that asked reads faster, and its stream goes on after the stop.
    const pacesMs = [20, 60];
    const server = await startStandIn(() => {}, (request, response) => {
        const asked = new URL(request.url, 'http://stand-in').searchParams;
        if (request.method !== 'GET' || !asked.has('stream')) return false;
        response.setHeader('content-type', 'text/event-stream');
        let number = Number(asked.get('starting_after') ?? -1);
        const pieces = setInterval(() => {
            number += 1;
            response.write(`data: ${JSON.stringify({ type: 'response.output_text.delta', sequence_number: number, delta: `word ${number}, ` })}\n\n`);
        }, pacesMs.shift());
        response.on('close', () => clearInterval(pieces));
        return true;
    });
    t.after(server.close);
    const { page, context } = await openPage(browser, server.origin);
    await page.waitForSelector('.dot.good');
    await ask(page, 'Go');
    await page.waitForSelector('.assistant .text:has-text("word 3")');
    const other = await context.newPage();
    await other.goto(page.url());
    await other.waitForSelector('.assistant .text:has-text("word 5")');
    const shown = await textOf(page);
    await other.keyboard.press('Escape');
    for (const each of [page, other]) await each.waitForSelector('.figures:has-text("stopped")');
    const stopped = await sameText(page, other);
    assert.ok(stopped.startsWith(shown), 'what was shown stays');
    await new Promise((resolve) => setTimeout(resolve, 1000));   // what a tab has read it keeps every 300 ms, and as its page goes
    for (const each of [page, other]) assert.equal(await textOf(each), stopped);
    await Promise.all([page.reload(), other.reload()]);
    for (const each of [page, other]) {
        await each.waitForSelector('.figures:has-text("stopped")');
        assert.equal(await textOf(each), stopped);
    }
    await context.close();
});

test('what the node lost is marked with why', async (t) => {
    const server = await startStandIn((_, response) => {
        response.write(piece({ content: 'The begin' }));
        setTimeout(() => response.destroy(), 200);
    }, (request, response) => {
        if (request.method !== 'GET' || !request.url.includes('starting_after')) return false;
        response.statusCode = 404;
        response.setHeader('content-type', 'application/json').end('{"error":{"message":"There is none."}}');
        return true;
    });
    t.after(server.close);
    const { page, context } = await openPage(browser, server.origin);
    await page.waitForSelector('.dot.good');
    await ask(page, 'Go');
    await page.waitForSelector('.problem:has-text("does not have the rest of this answer any more")');
    assert.equal((await page.locator('.assistant .text').textContent()).trim(), 'The begin');
    await context.close();
});
