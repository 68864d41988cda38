// How much the console costs while an answer streams, and with thousands of messages.
import assert from 'node:assert/strict';
import test from 'node:test';
import { measureScroll } from './console_scroll.mjs';
import { measureStream } from './console_stream.mjs';

// How smooth it is depends on the machine: `node console_stream.mjs 60` tells. That memory stays does not.
test('an answer of 600 tokens a second is drawn whole and leaves no garbage', async (t) => {
    const figures = await measureStream(5);
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.text_bytes > 5 * 600 * 2);
    assert.ok(figures.heap_after_mb - figures.heap_before_mb < 10);
});

test('a chat of 2,000 messages opens and scrolls without a long task', async (t) => {
    // In the thread's own time, which others on the machine lengthen a little: twice in a row means that it is the page.
    let figures = await measureScroll(2000);
    const longTasks = () => figures.scroll.tasks_over_50_ms + figures.open.tasks_over_50_ms;
    if (longTasks()) figures = await measureScroll(2000);
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.turns < 200 && figures.top > 10_000);
    assert.equal(longTasks(), 0);
});
