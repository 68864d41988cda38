// Nothing that the console ever showed is lost: two tabs, five chats, random switching, reloads, a node that is killed and started again,
// while answers come slowly. A minute, or CONSOLE_MINUTES.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { startBrowser } from './support/browser.mjs';
import { randomFrom } from './support/random_conversation.mjs';
import { answer, startScript, think } from './support/scripted_model.mjs';

const minutes = Number(process.env.CONSOLE_MINUTES ?? 1);
const seed = Number(process.env.CONSOLE_SEED ?? 7);
const chats = 5;
const stepMs = 12;
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Words that no other answer has, some 120 tokens and more of each.
const answerTo = (number) => Array.from({ length: 60 + (number % 5) * 30 }, (_, index) => `${index} of ${number}`).join(', ');
const script = [...Array.from({ length: 60 * Math.ceil(minutes) }, (_, number) => ({ user: `Question ${number}?`, say: think(`About ${number}.`) + answer(answerTo(number)) })),
    { say: answer('I know only numbered questions.') }];

// What a person sees: each turn's words by its id.
const look = (page) => page.evaluate(() => [...document.querySelectorAll('.turn[data-turn]')].map((turn) => [turn.dataset.turn,
    (turn.querySelector('.text') ?? turn.querySelector('.said'))?.textContent ?? '']));
// What the browser keeps.
const stored = (page) => page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open('gpt-oss-node');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
        const all = request.result.transaction('turns').objectStore('turns').getAll();
        all.onsuccess = () => { request.result.close(); resolve(all.result); };
    };
}));
const squeezed = (text) => text.replace(/\s+/g, ' ').trim();

class Tab {
    constructor(context, origin) { Object.assign(this, { context, origin }); }
    async open(where = this.origin) {
        this.page = await this.context.newPage();
        this.page.setDefaultTimeout(20_000);
        return this.go(where);
    }
    // A node that is not there has no page to give.
    async go(where) {
        for (let tries = 0; ; tries += 1) {
            try {
                await (this.page.url() === where ? this.page.reload() : this.page.goto(where));
                break;
            } catch (error) {
                if (tries === 60 || !/net::ERR_/.test(error.message)) throw error;
                await sleep(500);
            }
        }
        await this.page.waitForSelector('#message');
        return this;
    }
}

test(`two tabs, five chats and a node that dies: nothing shown in ${minutes} min is lost`, { timeout: minutes * 60_000 + 180_000 }, async (t) => {
    const random = randomFrom(seed);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kept-'));
    const file = path.join(folder, 'responses.sqlite');
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const start = (...more) => startScript(script, ['--step-ms', String(stepMs), '--responses-path', file, ...more]);
    let node = await start();
    const port = new URL(node.origin).port;
    const browser = await startBrowser();
    t.after(async () => { await browser.close(); await node.stop(); });
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
    const tabs = [await new Tab(context, node.origin).open(), await new Tab(context, node.origin).open()];

    const shown = new Map();    // by a turn's id: the most that was seen of it
    const asked = [];
    const deeds = {};
    const note = async ({ page }) => {
        for (const [id, text] of await look(page)) if (text.length > (shown.get(id) ?? '').length) shown.set(id, text);
    };
    const isBusy = ({ page }) => page.locator('.composer [aria-label=Stop]').count();
    const acts = {
        async ask({ page }) {
            if (asked.length >= script.length - 1) return;
            const question = `Question ${asked.length}?`;
            await page.fill('#message', question);
            await page.keyboard.press('Enter');
            await page.getByText(question, { exact: true }).last().waitFor();
            asked.push(question);
        },
        async open({ page }) {
            const entries = page.locator('.entry');
            const count = await entries.count();
            if (count) await entries.nth(random.below(count)).click();
        },
        async create({ page }) {
            if (await page.locator('.entry').count() < chats) await page.keyboard.press('Control+Shift+O');
        },
        reload: (tab) => tab.go(tab.page.url()),
        async regenerate({ page }) {
            const button = page.locator('.turn').last().getByText('Regenerate');
            if (await button.count()) await button.click();
        },
        async edit({ page }) {
            const questions = page.locator('.turn.user[data-turn] >> text=Edit');
            const count = await questions.count();
            if (!count || asked.length >= script.length - 1) return;
            await questions.nth(random.below(count)).click({ force: true });
            const question = `Question ${asked.length}?`;
            await page.fill('textarea[aria-label="Edited question"]', question);
            await page.keyboard.press('Enter');
            await page.getByText(question, { exact: true }).last().waitFor();
            asked.push(question);
        },
        async version({ page }) {
            const arrows = page.locator('.versions button:enabled');
            const count = await arrows.count();
            if (count) await arrows.nth(random.below(count)).click({ force: true });
        },
        stop: ({ page }) => page.keyboard.press('Escape'),
        async again(tab) {
            const where = tab.page.url();
            await tab.page.close();
            await tab.open(where);
        },
    };
    const choices = ['ask', 'ask', 'ask', 'open', 'open', 'open', 'create', 'reload', 'regenerate', 'edit', 'version', 'version', 'stop', 'again'];

    const endMs = Date.now() + minutes * 60_000;
    // One death a 25 seconds: by turns with its file, and without.
    let deaths = 0;
    const live = async () => {
        while (Date.now() < endMs - 15_000) {
            await sleep(25_000);
            await node.stop('SIGKILL');
            if (deaths++ % 2) for (const ending of ['', '-wal', '-shm']) fs.rmSync(file + ending, { force: true });
            await sleep(2000);
            node = await start('--port', port);
        }
    };
    const use = async () => {
        while (Date.now() < endMs) {
            const tab = tabs[random.below(tabs.length)];
            const busy = await isBusy(tab);
            const deed = random.pick(busy ? choices.filter((each) => each !== 'ask' && (each !== 'stop' || random.chance(0.3))) : choices);
            await note(tab);
            await acts[deed](tab);
            deeds[deed] = (deeds[deed] ?? 0) + 1;
            await note(tab);
            await sleep(100 + random.below(400));
        }
    };
    await Promise.all([live(), use()]);

    // Every answer comes to its end in some tab.
    for (const { page } of tabs) await page.waitForFunction(() => !document.querySelector('.entry .waiting, [aria-busy=true]'), undefined, { timeout: 90_000 });
    await sleep(1000);
    const turns = new Map((await stored(tabs[0].page)).map((turn) => [turn.id, turn]));
    let whole = 0, marked = 0;
    for (const [id, text] of shown) {
        const turn = turns.get(id);
        assert.ok(turn, `a turn that was shown is not there: ${text.slice(0, 80)}`);
        assert.ok(squeezed(turn.text).startsWith(squeezed(text)) || squeezed(turn.text) === squeezed(text), `more was shown than was kept: ${text.slice(-60)} / ${turn.text.slice(-60)}`);
    }
    const questions = [...turns.values()].filter(({ role }) => role === 'user').map(({ text }) => text);
    assert.deepEqual(asked.filter((question) => !questions.includes(question)), []);
    for (const turn of turns.values()) {
        if (turn.role === 'user') continue;
        const number = turns.get(turn.parent)?.text.match(/\d+/)[0];
        if (turn.finish === 'stop') {
            assert.equal(turn.text, answerTo(Number(number)));
            whole += 1;
        } else {
            assert.ok(turn.finish === 'stopped' || turn.finish === 'error' && turn.error, JSON.stringify(turn));
            assert.ok(answerTo(Number(number)).startsWith(turn.text), turn.text);
            marked += 1;
        }
    }
    // Each question has its answer beside it, and both tabs tell the same.
    for (const turn of turns.values()) if (turn.role === 'user') assert.ok([...turns.values()].some(({ parent }) => parent === turn.id), turn.text);
    const lists = await Promise.all(tabs.map(({ page }) => page.locator('.entry').evaluateAll((entries) => entries.map(({ title }) => title))));
    assert.deepEqual(lists[0].sort(), lists[1].sort());
    t.diagnostic(JSON.stringify({ seed, asked: asked.length, whole, marked, deaths, deeds }));
    assert.ok(whole >= minutes && deaths >= 1);
});
