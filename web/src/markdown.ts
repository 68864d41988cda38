// Model output to HTML that cannot do anything: no raw HTML in, no images (they would call other hosts), a
// sanitiser after the renderer. Text is cut into blocks so that while a stream grows only its last block is
// rendered again.
import MarkdownIt from 'markdown-it';
import DOMPurify from 'dompurify';

const markdown = new MarkdownIt({ html: false, linkify: false, breaks: false }).disable('image');
export const longestBlockChars = 50_000;   // more is shown as it is: a table of that size takes a second to lay out

// Display formulas \[…\] and $$…$$, inline \(…\): kept as text here, drawn by KaTeX once they are on the page.
markdown.inline.ruler.before('escape', 'math', (state, silent) => {
    for (const [open, close, display] of [['\\[', '\\]', true], ['\\(', '\\)', false], ['$$', '$$', true]] as const) {
        if (!state.src.startsWith(open, state.pos)) continue;
        const end = state.src.indexOf(close, state.pos + open.length);
        if (end < 0) return false;
        if (!silent) {
            const token = state.push('math', 'span', 0);
            token.content = state.src.slice(state.pos + open.length, end);
            token.info = display ? 'display' : 'inline';
        }
        state.pos = end + close.length;
        return true;
    }
    return false;
});
markdown.renderer.rules.math = (tokens, index) =>
    `<span class="math ${tokens[index].info}">${markdown.utils.escapeHtml(tokens[index].content)}</span>`;

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
    if (node.tagName !== 'A') return;
    node.setAttribute('rel', 'noopener noreferrer nofollow');
    node.setAttribute('target', '_blank');
});

export function toHtml(text: string): string {
    if (text.length > longestBlockChars) return `<pre dir="auto">${markdown.utils.escapeHtml(text)}</pre>`;
    return DOMPurify.sanitize(markdown.render(text), {
        ALLOWED_TAGS: ['p', 'br', 'hr', 'em', 'strong', 's', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'span',
            'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
        ALLOWED_ATTR: ['href', 'class', 'start', 'rel', 'target'], ALLOW_DATA_ATTR: false, ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    });
}

// Cuts where a new top-level block surely begins: after a blank line, outside code fences and formulas, at a
// line that neither continues a list nor is indented. Takes the text as it grows and looks at each line once.
export class BlockCutter {
    readonly finished: string[] = [];
    private block: string[] = [];
    private line = '';   // not yet ended
    private fence = '';
    private inFormula = false;
    private blank = false;

    // What will change with the next piece: the block under way and the unfinished line.
    get tail(): string { return [...this.block, this.line].join('\n'); }

    push(piece: string): void {
        const lines = (this.line + piece).split('\n');
        this.line = lines.pop()!;
        for (const line of lines) this.take(line);
    }

    private take(line: string): void {
        const startsBlock = this.blank && !this.fence && !this.inFormula && /^(?!\s)(?![-*+] )(?!\d+[.)] )/.test(line) && line !== '';
        if (startsBlock) { this.finished.push(this.block.join('\n')); this.block = []; }
        const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
        if (mark && !this.fence) this.fence = mark;
        else if (mark && mark[0] === this.fence[0] && mark.length >= this.fence.length && /^\s*[`~]+\s*$/.test(line)) this.fence = '';
        if (!this.fence && (/^\s*\\\[/.test(line) || (line.split('$$').length % 2 === 0))) this.inFormula = !this.inFormula;
        if (this.inFormula && /\\\]/.test(line)) this.inFormula = false;
        this.blank = line === '';
        this.block.push(line);
    }
}

export function toBlocks(text: string): string[] {
    const cutter = new BlockCutter();
    cutter.push(`${text}\n`);
    return [...cutter.finished, cutter.tail.slice(0, -1)];
}

// Colours and formulas, loaded when the first is needed. Both draw into elements, not through style text,
// which the page's policy refuses.
export async function decorate(root: HTMLElement): Promise<void> {
    const codes = [...root.querySelectorAll<HTMLElement>('pre > code[class^="language-"]')].filter((code) => code.textContent!.length < 20_000);
    const formulas = [...root.querySelectorAll<HTMLElement>('.math:not(.drawn)')];
    if (codes.length) {
        const { default: highlighter } = await import('highlight.js/lib/common');
        for (const code of codes) {
            const language = /language-([\w+#-]+)/.exec(code.className)?.[1] ?? '';
            if (code.dataset.highlighted || !highlighter.getLanguage(language)) continue;
            highlighter.highlightElement(code);
        }
    }
    if (formulas.length) {
        const { katex } = await import('./formulas');
        for (const formula of formulas) {
            const tex = formula.textContent ?? '';
            formula.classList.add('drawn');
            // What is no formula stays as it was written; KaTeX's own words for it come as style text, which the policy refuses.
            try {
                katex.render(tex, formula, { displayMode: formula.classList.contains('display'), throwOnError: true, trust: false, maxExpand: 200, maxSize: 20 });
            } catch { formula.textContent = tex; }
        }
    }
}
