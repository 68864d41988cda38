// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { FrameQueue } from '../src/nearness';
import { MarkdownView, PlainView, ripeFrameChars } from '../src/text_view';

const text = 'One *two*\n\n- a\n- b\n\n```js\nlet x = 1;\n\nx++;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nשלום \u202e end\n\n~~~\nnot closed';

test('text drawn in pieces ends as text drawn at once', () => {
    const whole = document.createElement('div');
    new MarkdownView(whole).update(text, true);
    for (const size of [1, 3, 50]) {
        const grown = document.createElement('div');
        const view = new MarkdownView(grown);
        for (let at = size; at < text.length; at += size) view.update(text.slice(0, at), false);
        view.update(text, true);
        expect(grown.innerHTML).toBe(whole.innerHTML);
    }
    expect(whole.querySelectorAll('.block').length).toBe(5);
});

test('another text takes the place of the first', () => {
    const place = document.createElement('div');
    const view = new MarkdownView(place);
    view.update('first', true);
    view.update('second', false);
    view.update('second answer', true);
    expect(place.textContent!.trim()).toBe('second answer');
});

test('plain text keeps its lines and never becomes one long element', () => {
    const place = document.createElement('div');
    const view = new PlainView(place);
    const lines = 'one line\n'.repeat(1000);
    const long = 'x'.repeat(100_000);
    for (const given of ['o', lines, `${lines}${long}`, `${lines}${long}<b>`]) view.update(given);
    const pieces = [...place.children].map((piece) => piece.textContent!);
    expect(pieces.join('').replaceAll('\n', '')).toBe(`${lines}${long}<b>`.replaceAll('\n', ''));
    for (const piece of pieces) expect(piece).toMatch(/^(one line|x)/);   // lines are not cut where that can be helped
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(4000);
    expect(place.querySelector('b')).toBeNull();
});

test('blocks lie in runs, so that a frame costs the same however long the text is', () => {
    // The last two paragraphs are one block: nothing yet says that the last has begun a new one.
    const place = document.createElement('div');
    const view = new MarkdownView(place);
    const paragraphs = Array.from({ length: 100 }, (_, index) => `Paragraph ${index}.`).join('\n\n');
    for (let at = 7; at < paragraphs.length; at += 7) view.update(paragraphs.slice(0, at), false);
    view.update(paragraphs, true);
    expect([...place.children].map((run) => `${run.className} ${run.children.length}`)).toEqual(['run 32', 'run 32', 'run 32', 'run 3']);
});

test('a whole text is drawn a piece a frame, is readable meanwhile, and ends as one drawn at once', async () => {
    const paragraphs = Array.from({ length: 40 }, (_, index) => `Paragraph **${index}** ${'of a long text '.repeat(20)}`).join('\n\n');
    const whole = document.createElement('div');
    new MarkdownView(whole).update(paragraphs, true);
    const place = document.createElement('div');
    const view = new MarkdownView(place);
    const frame = () => new Promise(requestAnimationFrame);
    view.drawSlowly(paragraphs, new FrameQueue());
    expect(place.textContent).toBe(paragraphs);
    let frames = 0;
    for (let drawn = 0; place.querySelector('.rest'); frames++) {
        await frame();
        const blocks = place.querySelectorAll('.block');
        expect([...blocks].slice(drawn).reduce((sum, block) => sum + block.textContent!.length, 0)).toBeLessThan(3 * ripeFrameChars);
        expect(place.textContent).toContain('39');
        drawn = blocks.length;
    }
    expect(frames).toBeGreaterThan(1);
    expect(place.innerHTML).toBe(whole.innerHTML);
    // Called off, nothing more is drawn; what is asked for at once is.
    const leave = view.drawSlowly(`${paragraphs}!`, new FrameQueue());
    leave();
    await frame();
    expect(place.querySelector('.block')).toBeNull();
    view.update(`${paragraphs}!`, true);
    expect(place.querySelectorAll('.block').length).toBe(whole.querySelectorAll('.block').length);
});
