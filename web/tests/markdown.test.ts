// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { toBlocks, toHtml } from '../src/markdown';

const pageOf = (text: string) => {
    const page = document.createElement('div');
    page.innerHTML = toHtml(text);
    return page;
};

const hostile = [
    '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '[x](javascript:alert(1))', '![x](https://example.com/leak)', '<svg onload=alert(1)>',
    '[x](data:text/html,<script>alert(1)</script>)', '<iframe src="/"></iframe>', '`<b>`', '```html\n<script>alert(1)</script>', '\\(<img src=x onerror=alert(1)>\\)',
    '<style>*{display:none}</style>', '[x]: javascript:alert(1)\n\n[x]', '| a |\n|---|\n| <img src=x> |', '$<img src=x onerror=alert(1)>$', '- [x] <img src=x>',
    '```mermaid\ngraph TD; a["<img src=x onerror=alert(1)>"]\n```', '```"><img src=x>\nx\n```', 'https://example.com/"onmouseover="alert(1)', 'javascript:alert(1)',
];
test('hostile output becomes text', () => {
    for (const text of hostile) {
        const page = pageOf(text);
        expect(page.querySelector('script, img, svg, iframe, style, object, form, [style]'), text).toBeNull();
        for (const element of page.querySelectorAll('*'))
            for (const { name, value } of element.attributes) expect(name.startsWith('on') || /^(javascript|data):/i.test(value), `${text}: ${name}`).toBe(false);
    }
});

test('a line of a megabyte is shown as plain text', () => {
    expect(toHtml('*'.repeat(1 << 20)).startsWith('<pre')).toBe(true);
});

test('the lines of a poem stay lines', () => {
    expect(toHtml('Roses are red,\nviolets are blue')).toContain('red,<br>');
});

test('columns of a table are aligned by class', () => {
    const cells = [...pageOf('| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |').querySelectorAll('td')];
    expect(cells.map((cell) => cell.className)).toEqual(['', 'align-center', 'align-right']);
});

test('tasks have a box', () => {
    const items = [...pageOf('- [ ] milk\n- [x] bread\n- [link](https://example.com)\n- plain').querySelectorAll('li')];
    expect(items.map((item) => [item.className, item.textContent])).toEqual([['task', '☐ milk'], ['task', '☑ bread'], ['', 'link'], ['', 'plain']]);
});

test('bare addresses are links, file names are not', () => {
    const links = [...pageOf('See https://example.com/a?b=1, README.md, node.js and https://example.org.').querySelectorAll('a')];
    expect(links.map((link) => link.getAttribute('href'))).toEqual(['https://example.com/a?b=1', 'https://example.org']);
});

test('formulas in dollars are formulas, prices are prices', () => {
    const formulas = (text: string) => [...pageOf(text).querySelectorAll('.math')].map((formula) => `${formula.className.split(' ')[1]} ${formula.textContent}`);
    expect(formulas('Let $x^2$ and \\(y\\) be, with $a \\le b$.')).toEqual(['inline x^2', 'inline y', 'inline a \\le b']);
    expect(formulas('$$\\frac12$$ and \\[z\\]')).toEqual(['display \\frac12', 'display z']);
    expect(formulas('From $5 to $10, US$3-$4 or $ 7, and `$x$`')).toEqual([]);
    expect(formulas('A \\$x$ and $5')).toEqual([]);
    expect(formulas('$**bold**$')).toEqual(['inline **bold**']);
});

test('dollars without an end take no time', () => {
    const begun = performance.now();
    toHtml('$a '.repeat(16_000));
    expect(performance.now() - begun).toBeLessThan(3000);
});

test('blocks are cut between paragraphs and nowhere inside', () => {
    expect(toBlocks('a\n\nb')).toEqual(['a\n', 'b']);
    for (const whole of ['```\na\n\nb\n```', '- a\n\n- b', '1. a\n\n   b', '\\[\na\n\nb\n\\]', '$$\na\n\nb\n$$', '~~~~\n```\n\nb']) expect(toBlocks(whole)).toEqual([whole]);
    const text = 'a\n\n```\nx\n\ny\n```\n\n- b\n\nc';
    expect(toBlocks(text).join('\n')).toBe(text);
});
