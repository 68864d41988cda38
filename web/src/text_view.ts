// Draws text that grows into a page, touching only what is new. Plain DOM: at hundreds of pieces a second a virtual
// tree over a long answer would cost more than the answer.
import { codeBar } from './code_bar';
import { decorate } from './decorate';
import { BlockCutter, longestBlockChars, toHtml } from './markdown';
import type { FrameQueue } from './nearness';
import './style/rendering.css';

const ripePieceChars = 1_000;    // a piece of plain text ends at the first line that ends after so much,
const longestPieceChars = 4_000;   // or here

// Text as it is, in pieces of a few lines: growing the last one leaves the others alone, and the browser lays out only
// those in sight.
export class PlainView {
    private drawn = '';
    private last: Text | null = null;

    constructor(private readonly root: HTMLElement) {}

    update(text: string): void {
        if (!text.startsWith(this.drawn)) { this.root.textContent = ''; this.drawn = ''; this.last = null; }
        let rest = text.slice(this.drawn.length);
        this.drawn = text;
        while (rest) {
            this.last ??= this.addPiece();
            const newline = rest.indexOf('\n', Math.max(ripePieceChars - this.last.length, 0));
            const room = longestPieceChars - this.last.length;
            const cut = newline >= 0 && newline < room ? newline : room;
            this.last.appendData(rest.slice(0, cut));
            if (cut >= rest.length) return;
            this.last = null;
            rest = rest.slice(cut === newline ? cut + 1 : cut);
        }
    }

    private addPiece(): Text {
        const piece = document.createElement('div');
        piece.className = 'piece';
        piece.dir = 'auto';
        this.root.append(piece);
        return piece.appendChild(document.createTextNode(''));
    }
}

const anew = '\u0000';   // no text begins so: whatever comes next is drawn from its beginning
const blocksInRun = 32;
export const ripeFrameChars = 3_000;   // so much is drawn in one frame, of a text that is whole when it comes
const estimatedLineChars = 80, estimatedLinePixels = 24, estimatedBlockPixels = 15;

// Markdown. Finished blocks are drawn once; the one that grows is drawn again, the seldomer the longer that takes. Blocks lie in runs,
// which the browser skips as a whole while they are out of sight: what a frame costs does not grow with the text.
export class MarkdownView {
    private seen = '';
    private cutter = new BlockCutter();
    private drawnBlocks = 0;
    private run: HTMLElement | null = null;
    private runPixels = 0;   // how high it may be, until it is drawn
    private tail: HTMLElement | null = null;
    private plainTail: PlainView | null = null;
    private nextDrawingMs = 0;
    private whole: string | null = null;   // drawn to its end

    constructor(private readonly root: HTMLElement) {}

    update(text: string, isFinal: boolean): void {
        if (isFinal && text === this.whole) return;
        if (!text.startsWith(this.seen)) this.reset();
        this.cutter.push(text.slice(this.seen.length));
        this.seen = text;
        for (; this.drawnBlocks < this.cutter.finished.length; this.drawnBlocks++) this.finish(this.cutter.finished[this.drawnBlocks]);
        const tail = this.cutter.tail;
        if (isFinal) {
            if (tail) this.finish(tail);
            this.end(text);
            return;
        }
        const begun = performance.now();
        if (!tail || begun < this.nextDrawingMs) return;
        this.drawTail(tail);
        this.nextDrawingMs = begun + 10 * (performance.now() - begun);
    }

    // A text that is whole: as it stands at first, then drawn a piece a frame. Gives what calls that off.
    drawSlowly(text: string, queue: FrameQueue): () => void {
        this.reset();
        this.seen = anew;
        this.cutter.push(text);
        const blocks = [...this.cutter.finished, this.cutter.tail];
        const rest = document.createElement('div');
        rest.className = 'rest';
        rest.textContent = text;
        this.root.append(rest);
        const step = () => {
            for (let chars = 0; chars < ripeFrameChars && this.drawnBlocks < blocks.length; this.drawnBlocks++) {
                chars += blocks[this.drawnBlocks].length;
                this.finish(blocks[this.drawnBlocks]);
            }
            if (this.drawnBlocks === blocks.length) { rest.remove(); this.end(text); return; }
            rest.textContent = blocks.slice(this.drawnBlocks).join('\n');
            this.root.append(rest);
            leave = queue.add(step, true);
        };
        let leave = queue.add(step, true);
        return () => leave();
    }

    private end(text: string): void {
        this.endRun();
        this.seen = anew;
        this.whole = text;
    }

    private reset(): void {
        this.whole = null;
        this.root.textContent = '';
        this.seen = '';
        this.cutter = new BlockCutter();
        this.drawnBlocks = 0;
        this.run = this.tail = this.plainTail = null;
        this.nextDrawingMs = 0;
    }

    private place(): HTMLElement {
        if (this.tail) return this.tail;
        if (!this.run) {
            this.run = document.createElement('div');
            this.run.className = 'run';
            this.root.append(this.run);
            this.runPixels = 0;
        }
        this.tail = document.createElement('div');
        this.tail.className = 'block';
        this.tail.dir = 'auto';
        this.run.append(this.tail);
        return this.tail;
    }

    private endRun(): void {
        if (this.run) this.run.style.containIntrinsicBlockSize = `auto ${this.runPixels}px`;
        this.run = null;
    }

    private finish(text: string): void {
        const place = this.place();
        this.runPixels += estimatedBlockPixels + estimatedLinePixels * Math.ceil(text.length / estimatedLineChars);
        if (this.drawnBlocks % blocksInRun === blocksInRun - 1) this.endRun();
        this.tail = this.plainTail = null;
        this.nextDrawingMs = 0;
        if (text.length > longestBlockChars) return drawPlain(place, text);
        place.innerHTML = toHtml(text);
        void decorate(place);
    }

    // Code grows line by line without its colours; so does what has become too long to be drawn again and again.
    private drawTail(text: string): void {
        const place = this.place();
        const code = openFence(text);
        if (!code && text.length < longestBlockChars / 4) { place.innerHTML = toHtml(text); this.plainTail = null; return; }
        if (!this.plainTail) this.plainTail = plainBox(place, code?.language, () => openFence(this.cutter.tail)?.text ?? this.cutter.tail);
        this.plainTail.update(code?.text ?? text);
    }
}

function openFence(text: string): { language: string; text: string } | null {
    const [fence, language] = /^ {0,3}(?:`{3,}|~{3,}) *([\w+#.-]{0,40})[^\n]*\n/.exec(text) ?? [];
    return fence === undefined ? null : { language: language ?? '', text: text.slice(fence.length) };
}

// With a bar where it is code.
function plainBox(place: HTMLElement, language: string | undefined, text: () => string): PlainView {
    const box = document.createElement('pre');
    place.replaceChildren(box);
    if (language !== undefined) codeBar(box, language, text);
    return new PlainView(box);
}

function drawPlain(place: HTMLElement, text: string): void {
    const code = openFence(text);
    const shown = code ? code.text.replace(/\n {0,3}(`{3,}|~{3,})\s*$/, '') : text;
    plainBox(place, code?.language, () => shown).update(shown);
}
