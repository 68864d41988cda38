// Model output to HTML that cannot do anything: no raw HTML in, no images (they would call other hosts), a
// sanitiser after the renderer. Text is cut into blocks so that while a stream grows only its last block is
// rendered again.
import MarkdownIt from 'markdown-it';
import DOMPurify from 'dompurify';
import { addFormulas } from './formula_syntax';

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true }).disable('image').use(addFormulas);
// Only what begins with http:// or https://: without that README.md would be a link to Moldova.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
export const longestBlockChars = 50_000;   // more is shown as it is: a table of that size takes a second to lay out

// Columns are aligned by class: the page's policy refuses style attributes.
markdown.renderer.rules.th_open = markdown.renderer.rules.td_open = (tokens, index, options, _, renderer) => {
    const side = /center|right/.exec(String(tokens[index].attrGet('style') ?? ''))?.[0];
    tokens[index].attrs = side ? [['class', `align-${side}`]] : null;
    return renderer.renderToken(tokens, index, options);
};

// "- [x] done": a box instead of the letters.
markdown.core.ruler.push('tasks', (state) => {
    state.tokens.forEach((token, index) => {
        const item = state.tokens[index - 2];
        const first = token.children?.[0];
        if (token.type !== 'inline' || item?.type !== 'list_item_open' || first?.type !== 'text') return;
        const box = /^\[([ xX])\](?= )/.exec(first.content);
        if (!box) return;
        first.content = (box[1] === ' ' ? '☐' : '☑') + first.content.slice(box[0].length);
        item.attrJoin('class', 'task');
    });
});

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
