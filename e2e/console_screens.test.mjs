// Every screen of the console, as a screen reader is told of it, 320 pixels wide, and with the widest spacing that readers may set.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkNames } from './support/accessibility.mjs';
import { openPage, startBrowser } from './support/browser.mjs';
import { end, endWithCall, piece, startStandIn } from './support/console_stand_in.mjs';

const address = '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A';
const seconds = () => Math.floor(Date.now() / 1000);
const status = {
    status: 'ready', model: 'gpt-oss-demo', context_length: 131072, device: 'NVIDIA H200', version: '0', placement: 'all 36 layers', max_sequences: 16, admin: true, queue_limit: 100, scheduling: 'balanced',
    engine: { running: 3, waiting: 2, kv_blocks_used: 40, kv_blocks_cached: 20, kv_blocks_total: 100, prompt_tokens: 90000, cached_tokens: 30000, generated_tokens: 12000, preemptions: 1,
        prompt_tokens_per_second: 4200, generated_tokens_per_second: 610, step_bound_ms: 30, oldest_wait_ms: 1200 },
    gpu: { name: 'NVIDIA H200', utilization_percent: 97, temperature_celsius: 61, power_watts: 580, power_limit_watts: 700, sm_clock_mhz: 1980, memory_used_bytes: 9e10, memory_total_bytes: 1.4e11, memory_ceiling_bytes: 1.3e11 },
    card: { layers: 36, parts: 3, demo: true, memory: { weight_bytes: 6e10, full_kv_bytes: 2e10, sliding_kv_bytes: 1e9, workspace_bytes: 2e9, runtime_bytes: 5e8, free_bytes: 1.4e11, host_bytes: 0 },
        provenance: { composite_sha256: 'ab'.repeat(32), verified: true, detail: 'matches the registry', hashes_from: 'manifest', checked_at: '2026-11-30T20:00:00Z' } },
};
const times = Array.from({ length: 60 }, (_, index) => seconds() - 600 + index * 10);
const series = (scale) => times.map((_, index) => scale * (1 + Math.sin(index / 5)));
const answers = {
    '/v1/status': () => status,
    '/v1/history': () => ({ interval_s: 10, time: times, prompt: series(2000), cached: series(500), generation: series(300), running: series(3), waiting: series(1), busy: series(45), temperature: series(30),
        power: series(300), errors: [{ route: '/v1/chat/completions', status: 429, count: 3, last_s: seconds() }] }),
    '/v1/fleet': () => ({ nodes: [{ name: 'north', status }, { name: 'gone', problem: 'it does not answer' }] }),
    '/v1/mcp': () => ({ servers: [{ name: 'shop' }] }),
    '/admin/requests': () => ({ requests: [{ id: 'req-1', client: 'alice', route: '/v1/responses', stage: 'prompt', age_ms: 1400, prompt_read: 4096, prompt_tokens: 60000, completion_tokens: 0 },
        { id: 'req-2', client: 'bob', route: '/v1/chat/completions', stage: 'queued', age_ms: 900, prompt_read: 0, prompt_tokens: 700, completion_tokens: 0 },
        { id: 'resp_3', client: 'alice', route: '/v1/responses', stage: 'generating', age_ms: 9000, prompt_read: 80, prompt_tokens: 80, completion_tokens: 410 }] }),
    '/admin/receipts': () => ({ receipts: [] }),
    '/admin/download': () => ({ state: 'running', folder: '/models', model: 'gpt-oss-20b', done_bytes: 4e9, total_bytes: 12.1e9 }),
    '/admin/earnings': () => ({ marketplace: true, claims: true, host: address, sessions: 2, jobs_open: 3, billed_tokens: 120000, proven_tokens: 110000, unproven_tokens: 10000, proofs: 12, failed_transactions: 1,
        outbox_files: 0, balance_coins: 0.42, credited: { native: '1234500000000000000', stable: '250000' } }),
};

let server, browser, page, context, complaints;
before(async () => {
    const said = {
        rich: piece({ reasoning: 'I think.', content: '# Title\n\n```js\nconst x = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n\nhttps://example.com/a-long-address/that-goes-on/and-on/without-an-end/for-more-than-a-line $E = mc^2$\n\n```mermaid\ngraph TD; A --> B\n```' }) + end(),
        weather: endWithCall('get_weather', { city: 'Rome' }),
    };
    server = await startStandIn((question, response) => {
        if (question === 'queued') { response.write(': '); return; }
        response.end(said[question] ?? piece({ content: 'Yes.' }) + end());
    }, (request, response) => {
        const { pathname } = new URL(request.url, 'http://node');
        // Of the answer that waits: where it stands.
        const standing = request.method === 'GET' && /^\/v1\/responses\/[^/]+$/.test(pathname) && !request.url.includes('stream') ? () => ({ status: 'in_progress', progress: { stage: 'prompt', prompt_read: 4096, prompt_tokens: 60000, completion_tokens: 0 } }) : undefined;
        const answer = answers[pathname] ?? standing;
        if (!answer) return false;
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer()));
        return true;
    });
    browser = await startBrowser();
    ({ page, context, complaints } = await openPage(browser, server.origin));
    await page.waitForSelector('.dot.good');
});
after(async () => { await context?.close(); await browser?.close(); await server?.close(); });

// WCAG 2.2: 1.4.10 (no scrolling in two directions at 320 pixels), 1.4.12 (text spacing), 4.1.2 and 1.3.1 (names).
async function look(name) {
    await checkNames(page);
    const wide = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 640 });
    await page.evaluate(() => {
        globalThis.spacing ??= Object.assign(new CSSStyleSheet(), {});
        globalThis.spacing.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }');
    });
    for (const sheets of [false, true]) {
        const found = await page.evaluate(async (isSpaced) => {
            document.adoptedStyleSheets = isSpaced ? [globalThis.spacing] : [];
            await new Promise(requestAnimationFrame);
            const outside = [...document.querySelectorAll('button, input:not([type=file]), textarea, a')].filter((element) => {
                const { left, right, width } = element.getBoundingClientRect();
                const isScrolled = element.closest('.scrolling, pre, table, .block, .hash');
                return width > 0 && element.checkVisibility() && !isScrolled && !element.closest('.hidden') && (right > innerWidth + 1 || left < -1);
            });
            const sideways = [...document.querySelectorAll('*')].filter((element) => element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX) &&
                element.checkVisibility() && !element.closest('.scrolling, pre, table, .block, textarea'));
            return { width: document.documentElement.scrollWidth, sideways: sideways.map((element) => element.outerHTML.slice(0, 120)), outside: outside.map((element) => element.outerHTML.slice(0, 120)) };
        }, sheets);
        assert.deepEqual(found, { width: 320, sideways: [], outside: [] }, `${name}${sheets ? ', with more space between letters' : ''}`);
    }
    await page.evaluate(() => { document.adoptedStyleSheets = []; });
    await checkNames(page);   // what a phone shows has names too
    await page.setViewportSize(wide);
}
const ask = async (text) => {
    await page.keyboard.press('Control+Shift+O');
    await page.waitForFunction(() => document.querySelectorAll('.turn').length === 0);
    await page.fill('#message', text);
    await page.keyboard.press('Enter');
};

test('the first start, with a download under way', async () => {
    await page.waitForSelector('.first-start progress');
    await look('first start');
});

test('a chat with everything in it, and what waits', async () => {
    await ask('rich');
    await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
    await page.locator('.reasoning summary').click();
    await page.waitForSelector('.katex');
    await page.waitForSelector('.drawing iframe');
    await look('chat');
    await page.getByText('Edit', { exact: true }).click({ force: true });
    await page.waitForSelector('textarea[aria-label="Edited question"]');
    await look('edit');
    await page.keyboard.press('Escape');
    await ask('weather');
    await page.waitForSelector('.call >> text=Its result');
    await look('call');
    await ask('queued');
    await page.waitForSelector('text=Reading the prompt: 4,096 of 60,000 tokens');
    await look('waiting');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.figures:has-text("stopped")');
});

test('settings, menus and windows', async () => {
    await page.getByText('Settings', { exact: true }).click();
    await page.waitForSelector('text=Add tools of shop');
    await look('settings');
    await page.getByLabel('Close the settings').click();
    await page.getByLabel('Actions for this chat').click();
    await page.waitForSelector('.menu:popover-open button:focus');
    await checkNames(page);
    await page.getByRole('button', { name: 'Move to a folder', exact: true }).click();
    await page.waitForSelector('dialog');
    await look('folder');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.getByLabel('Keyboard', { exact: true }).click();
    await page.waitForSelector('dialog >> text=begins a new chat');
    await look('keyboard');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.getByLabel('Actions for this chat').click();
    await page.getByText('Move to the trash').click();
    await page.waitForSelector('.notice >> text=Undo');
    await look('notice');
    await page.getByLabel('Trash, 1 chat').click();
    await page.waitForSelector('dialog >> text=Bring back');
    await look('trash');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.setViewportSize({ width: 320, height: 640 });
    await page.locator('.list-button').click();
    await page.waitForSelector('.list.open');
    await look('list');
    await page.getByLabel('Close the list').click();
    await page.setViewportSize({ width: 1280, height: 800 });
});

test('the pages about the node', async () => {
    await page.click('a[href="#machine"]');
    await page.waitForSelector('.uplot');
    await page.waitForSelector('[aria-label=Earnings] >> text=1.2345 coins');
    await page.waitForSelector('tr:has-text("req-1"), tr:has-text("reading its prompt, 4,096 of 60,000")');
    await page.waitForSelector('tr:has-text("waits for its turn")');
    await page.waitForSelector('.fleet li:has-text("north")');
    await look('machine');
    // The charts' samples with the keys, told in words.
    const chart = page.getByRole('slider', { name: 'generation and prompts' });
    await chart.focus();
    await page.keyboard.press('Home');
    const told = await chart.getAttribute('aria-valuetext');
    assert.match(told, /^\d\d:\d\d:\d\d: generation 300\.0, prompts 2000\.0$/);
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await chart.getAttribute('aria-valuetext'), told);
    await page.waitForSelector('.u-legend >> text=359.6');   // and drawn
    await page.click('a[href="#connect"]');
    await page.waitForSelector('.connect >> text=Claude Code');
    await look('connect');
});

test('the browser complained about nothing', () => assert.deepEqual(complaints, []));
