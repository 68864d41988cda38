// Draws text that grows into a page, touching only what is new. Plain DOM: at hundreds of pieces a second a virtual
// tree over a long answer would cost more than the answer.
import { BlockCutter, decorate, longestBlockChars, toHtml } from './markdown';

const longestPieceChars = 4_000;   // one element of plain text; the browser lays out only those in sight

// Text as it is. Lines become elements of their own, so that growing the last one leaves the others alone.
export class PlainView {
    private drawn = '';
    private last: Text | null = null;

    constructor(private readonly root: HTMLElement) {}

    update(text: string): void {
        if (!text.startsWith(this.drawn)) { this.root.textContent = ''; this.drawn = ''; this.last = null; }
        const lines = text.slice(this.drawn.length).split('\n');
        this.drawn = text;
        lines.forEach((line, index) => {
            if (index > 0) this.last = null;
            for (let at = 0; at === 0 || at < line.length; at += longestPieceChars) this.append(line.slice(at, at + longestPieceChars));
        });
    }

    private append(text: string): void {
        if (this.last && this.last.length + text.length <= longestPieceChars) { this.last.appendData(text); return; }
        this.last = document.createTextNode(text);
        const piece = document.createElement('div');
        piece.className = 'piece';
        piece.dir = 'auto';
        piece.append(this.last);
        this.root.append(piece);
    }
}

// Markdown. Finished blocks are drawn once; the one that grows is drawn again, the seldomer the longer that takes.
export class MarkdownView {
    private seen = '';
    private cutter = new BlockCutter();
    private drawnBlocks = 0;
    private tail: HTMLElement | null = null;
    private plainTail: PlainView | null = null;
    private nextDrawingMs = 0;

    constructor(private readonly root: HTMLElement) {}

    update(text: string, isFinal: boolean): void {
        if (!text.startsWith(this.seen)) this.reset();
        this.cutter.push(text.slice(this.seen.length));
        this.seen = text;
        for (; this.drawnBlocks < this.cutter.finished.length; this.drawnBlocks++) this.finish(this.cutter.finished[this.drawnBlocks]);
        const tail = this.cutter.tail;
        if (isFinal) {
            if (tail) this.finish(tail);
            this.seen = '\u0000';   // whatever comes next begins anew
            return;
        }
        const begun = performance.now();
        if (!tail || begun < this.nextDrawingMs) return;
        this.drawTail(tail);
        this.nextDrawingMs = begun + 10 * (performance.now() - begun);
    }

    private reset(): void {
        this.root.textContent = '';
        this.seen = '';
        this.cutter = new BlockCutter();
        this.drawnBlocks = 0;
        this.tail = this.plainTail = null;
        this.nextDrawingMs = 0;
    }

    private place(): HTMLElement {
        if (this.tail) return this.tail;
        this.tail = document.createElement('div');
        this.tail.className = 'block';
        this.tail.dir = 'auto';
        this.root.append(this.tail);
        return this.tail;
    }

    private finish(text: string): void {
        const place = this.place();
        this.tail = this.plainTail = null;
        this.nextDrawingMs = 0;
        if (text.length > longestBlockChars) return drawPlain(place, text);
        place.innerHTML = toHtml(text);
        void decorate(place);
    }

    // Code grows line by line without its colours; so does what has become too long to be drawn again and again.
    private drawTail(text: string): void {
        const place = this.place();
        const fence = /^ {0,3}(?:```|~~~)[^\n]*\n/.exec(text)?.[0];
        if (fence === undefined && text.length < longestBlockChars / 4) { place.innerHTML = toHtml(text); this.plainTail = null; return; }
        if (!this.plainTail) {
            const box = document.createElement('pre');
            place.replaceChildren(box);
            this.plainTail = new PlainView(box);
        }
        this.plainTail.update(text.slice(fence?.length ?? 0));
    }
}

function drawPlain(place: HTMLElement, text: string): void {
    const box = document.createElement('pre');
    place.replaceChildren(box);
    new PlainView(box).update(text);
}
