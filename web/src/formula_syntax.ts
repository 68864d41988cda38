// How formulas are written: \[…\] and $$…$$ on lines of their own, \(…\) and $…$ within a line. They are kept as text
// here and drawn by KaTeX once they are on the page.
import type MarkdownIt from 'markdown-it';

type InlineState = Parameters<Parameters<MarkdownIt['inline']['ruler']['before']>[2]>[0];

const longestDollarFormulaChars = 2_000;   // a lone dollar must not look through a whole book for another
const pairs = [['\\[', '\\]', 'display'], ['\\(', '\\)', 'inline'], ['$$', '$$', 'display']] as const;

// "$5 and $10" are prices: a formula neither begins nor ends with a blank, and no digit follows its end.
function dollarEnd(text: string, from: number): number {
    if (/\s/.test(text[from] ?? ' ')) return -1;
    let end = text.indexOf('$', from);
    while (end > from && text[end - 1] === '\\') end = text.indexOf('$', end + 1);
    const closes = end > from && end - from < longestDollarFormulaChars && !/\s/.test(text[end - 1]) && !/\d/.test(text[end + 1] ?? '');
    return closes ? end : -1;
}

function formulaAt(text: string, at: number): { from: number; to: number; end: number; kind: string } | null {
    for (const [open, close, kind] of pairs) {
        if (!text.startsWith(open, at)) continue;
        const to = text.indexOf(close, at + open.length);
        return to < 0 ? null : { from: at + open.length, to, end: to + close.length, kind };
    }
    if (text[at] !== '$') return null;
    const to = dollarEnd(text, at + 1);
    return to < 0 ? null : { from: at + 1, to, end: to + 1, kind: 'inline' };
}

export function addFormulas(markdown: MarkdownIt): void {
    markdown.inline.ruler.before('escape', 'math', (state: InlineState, silent: boolean) => {
        const formula = formulaAt(state.src, state.pos);
        if (!formula) return false;
        if (!silent) {
            const token = state.push('math', 'span', 0);
            token.content = state.src.slice(formula.from, formula.to);
            token.info = formula.kind;
        }
        state.pos = formula.end;
        return true;
    });
    markdown.renderer.rules.math = (tokens, index) =>
        `<span class="math ${tokens[index].info}">${markdown.utils.escapeHtml(tokens[index].content)}</span>`;
}
