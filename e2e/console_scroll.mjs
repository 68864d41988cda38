// How smoothly a chat of thousands of messages opens and scrolls: tasks of the main thread and what each frame costs, out of Chromium's trace, in
// the thread's own time, which others on the machine do not lengthen.
//   node console_scroll.mjs [MESSAGES]
import { openPage, startBrowser } from './support/browser.mjs';
import { costOfFrames, onMainThread, share, tasksOf, traceOf } from './support/browser_trace.mjs';
import { startStandIn } from './support/console_stand_in.mjs';

const reply = (index) => `Answer **${index}** with \`code\`, a list and more:\n\n- one item of ${index}\n- another item\n\n| a | b |\n|---|---|\n| ${index} | 2 |\n\n`
    + `A paragraph of some words that goes on over more than one line, as most paragraphs in answers do, and ends here.\n\n\`\`\`js\nconst answer = ${index};\n\`\`\`\n`;

export function longChat(messages) {
    const turns = Array.from({ length: messages }, (_, index) => ({ id: `t${index}`, parent: index ? `t${index - 1}` : '', createdMs: index + 1,
        ...(index % 2 ? { role: 'assistant', text: reply(index), reasoning: `I think about ${index}.`, finish: 'stop', figures: { completionTokens: 100 } } : { role: 'user', text: `Question ${index}?` }) }));
    return JSON.stringify({ format: 'gpt-oss-node-conversations', version: 2, conversations: [{ id: 'long', title: 'A long chat', changed: Date.now(), turns }] });
}

export async function measureScroll(messages) {
    const server = await startStandIn(() => undefined);
    const browser = await startBrowser();
    try {
        const { page } = await openPage(browser, server.origin);
        await page.waitForSelector('.dot.good');
        await page.setInputFiles('.foot input[type=file]', { name: 'long.json', mimeType: 'application/json', buffer: Buffer.from(longChat(messages)) });
        await page.waitForSelector('.turn.assistant:last-child >> text=Regenerate');
        await page.waitForTimeout(1500);
        const debug = await page.context().newCDPSession(page);
        const trace = async (act) => {
            const own = onMainThread(await traceOf(debug, act));
            const tasks = tasksOf(own);
            const costs = costOfFrames(own).sort((a, b) => a - b);
            return { frames: costs.length, longest_task_ms: share(tasks, 1), tasks_over_50_ms: tasks.filter((task) => task > 50).length, p95_script_layout_ms: share(costs, 0.95), longest_script_layout_ms: share(costs, 1) };
        };
        // With the wheel, from the end to the beginning and back: as a person does it.
        const box = await page.locator('.turns').boundingBox();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        const wheel = async (delta, times) => {
            for (let i = 0; i < times; i += 1) {
                await page.mouse.wheel(0, delta);
                await page.waitForTimeout(16);
            }
        };
        const scroll = await trace(async () => { await wheel(-400, 200); await wheel(-4000, 100); await wheel(1500, 100); });
        const top = await page.locator('.turns').evaluate((turns) => turns.scrollTop);
        const open = await trace(async () => {
            await page.keyboard.press('Control+Shift+O');
            await page.waitForTimeout(300);
            await page.locator('.entry').first().click();
            await page.waitForTimeout(1500);
        });
        const turns = await page.locator('.turn').count();
        return { messages, turns, top, scroll, open };
    } finally {
        await browser.close();
        await server.close();
    }
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log(JSON.stringify(await measureScroll(Number(process.argv[2] ?? 2000)), null, 1));
