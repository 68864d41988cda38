// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { toBlocks, toHtml } from '../src/markdown';

const hostile = [
    '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '[x](javascript:alert(1))', '![x](https://example.com/leak)', '<svg onload=alert(1)>',
    '[x](data:text/html,<script>alert(1)</script>)', '<iframe src="/"></iframe>', '`<b>`', '```html\n<script>alert(1)</script>', '\\(<img src=x onerror=alert(1)>\\)',
    '<style>*{display:none}</style>', '[x]: javascript:alert(1)\n\n[x]', '| a |\n|---|\n| <img src=x> |',
];
test('hostile output becomes text', () => {
    for (const text of hostile) {
        const page = document.createElement('div');
        page.innerHTML = toHtml(text);
        expect(page.querySelector('script, img, svg, iframe, style, object, form'), text).toBeNull();
        for (const element of page.querySelectorAll('*'))
            for (const { name, value } of element.attributes) expect(name.startsWith('on') || /^(javascript|data):/i.test(value), `${text}: ${name}`).toBe(false);
    }
});

test('a line of a megabyte is shown as plain text', () => {
    expect(toHtml('*'.repeat(1 << 20)).startsWith('<pre')).toBe(true);
});

test('blocks are cut between paragraphs and nowhere inside', () => {
    expect(toBlocks('a\n\nb')).toEqual(['a\n', 'b']);
    for (const whole of ['```\na\n\nb\n```', '- a\n\n- b', '1. a\n\n   b', '\\[\na\n\nb\n\\]', '$$\na\n\nb\n$$', '~~~~\n```\n\nb']) expect(toBlocks(whole)).toEqual([whole]);
    const text = 'a\n\n```\nx\n\ny\n```\n\n- b\n\nc';
    expect(toBlocks(text).join('\n')).toBe(text);
});
