// How smoothly the console draws an answer of 600 tokens a second: frame times out of Chromium's own trace, tasks in the main thread's own time, and the heap.
//   node console_stream.mjs [SECONDS]
import { openPage, startBrowser } from './support/browser.mjs';
import { costOfFrames, onMainThread, share, tasksOf, traceOf } from './support/browser_trace.mjs';
import { end, piece, startStandIn } from './support/console_stand_in.mjs';

const tokensPerSecond = 600;
const over = 'the answer is over';
const paragraph = 'The **quick** brown fox jumps over `lazy` dogs, and *nobody* knows why it does so again and again.\n\n- one item\n- another with $x$\n\n'
    + '| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nconst answer = 6 * 7;   // what was asked\nreturn answer;\n```\n\n## Next\n\n';
const tokens = paragraph.match(/\s*\S{1,5}/g);

// Writes what is due every few milliseconds, as a node does whose steps take that long.
async function stream(response, seconds) {
    const begun = performance.now();
    for (let sent = 0; sent < seconds * tokensPerSecond;) {
        const due = Math.min(Math.floor((performance.now() - begun) / 1000 * tokensPerSecond), seconds * tokensPerSecond);
        let pieces = '';
        for (; sent < due; sent++) pieces += piece({ content: tokens[sent % tokens.length] });
        if (pieces) response.write(pieces);
        await new Promise((resolve) => setTimeout(resolve, 2));
    }
    response.end(end());
}

export async function measureStream(seconds) {
    const server = await startStandIn((_, response) => stream(response, seconds));
    const browser = await startBrowser();
    try {
        const { page } = await openPage(browser, server.origin);
        await page.waitForSelector('.dot.good');
        const debug = await page.context().newCDPSession(page);
        const heapBytes = async () => (await debug.send('Runtime.getHeapUsage')).usedSize;
        // Only before and after: a whole collection holds the page's frames up.
        const heldBytes = async () => {
            await debug.send('HeapProfiler.collectGarbage');
            return heapBytes();
        };
        await page.fill('#message', 'Go');
        // Marks the answer's end in the trace: what is drawn behind it is the caret, which blinks twice a second.
        await page.evaluate((over) => { new MutationObserver(() => console.timeStamp(over)).observe(document.body, { subtree: true, attributeFilter: ['aria-busy'] }); }, over);
        const heapBefore = await heldBytes();
        const heaps = [];
        const events = await traceOf(debug, async () => {
            await page.keyboard.press('Enter');
            const streams = () => page.locator('.turn.assistant[aria-busy=true]').count();
            await page.waitForSelector('.turn.assistant[aria-busy=true]');
            for (const begun = performance.now(); await streams();) {
                await new Promise((resolve) => setTimeout(resolve, 1000));
                if (performance.now() - begun > (heaps.length + 1) * 10_000) heaps.push(await heapBytes());
            }
        });
        const endMs = events.find(({ name, args }) => name === 'TimeStamp' && args.data.message === over).ts / 1000;
        const drawn = events.filter(({ name }) => name === 'DrawFrame').map(({ ts }) => ts / 1000).sort((a, b) => a - b);
        const frames = drawn.slice(0, drawn.findIndex((time) => time > endMs) + 1 || undefined);
        const gaps = frames.slice(1).map((time, index) => ({ at_s: Number(((frames[index] - frames[0]) / 1000).toFixed(2)), ms: Math.round(time - frames[index]) })).filter(({ ms }) => ms > 50);
        const times = frames.slice(1).map((time, index) => time - frames[index]).sort((a, b) => a - b);
        const own = onMainThread(events);
        const tasks = tasksOf(own);
        const costs = costOfFrames(own);
        const costsOf = (from, to) => costs.slice(Math.floor(costs.length * from), Math.floor(costs.length * to)).sort((a, b) => a - b);
        return {
            seconds, frames: frames.length, median_frame_ms: share(times, 0.5), p95_frame_ms: share(times, 0.95), p99_frame_ms: share(times, 0.99), longest_frame_ms: times.at(-1),
            frames_over_50_ms: gaps, dropped_frames: events.filter(({ name }) => name === 'DroppedFrame').length,
            main_frames: costs.length, p95_script_layout_ms: share(costsOf(0, 1), 0.95), median_script_layout_ms: { first_tenth: share(costsOf(0, 0.1), 0.5), last_tenth: share(costsOf(0.9, 1), 0.5) },
            longest_task_ms: tasks.at(-1), main_thread_busy: tasks.reduce((sum, task) => sum + task, 0) / 1000 / seconds, text_bytes: (await page.locator('.turn.assistant .text').evaluate((text) => text.textContent)).length,
            heap_before_mb: heapBefore / 1e6, heap_mb: heaps.map((bytes) => Number((bytes / 1e6).toFixed(1))), heap_after_mb: (await heldBytes()) / 1e6,
        };
    } finally {
        await browser.close();
        await server.close();
    }
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log(JSON.stringify(await measureStream(Number(process.argv[2] ?? 60)), null, 1));
