// Tells elements when they come near to what is in sight, and when they are far again.
type Listener = (isNear: boolean, heightPixels: number) => void;

export class Nearness {
    private readonly listeners = new Map<Element, Listener>();
    private observer: IntersectionObserver | undefined;

    constructor(private readonly nearPixels: number) {}

    within(root: HTMLElement): void {
        this.observer = new IntersectionObserver((entries) => {
            for (const { target, isIntersecting, boundingClientRect } of entries) this.listeners.get(target)?.(isIntersecting, boundingClientRect.height);
        }, { root, rootMargin: `${this.nearPixels}px 0px` });
        for (const element of this.listeners.keys()) this.observer.observe(element);
    }
    watch(element: Element, listener: Listener): () => void {
        this.listeners.set(element, listener);
        this.observer?.observe(element);
        return () => { this.listeners.delete(element); this.observer?.unobserve(element); };
    }
    end(): void { this.observer?.disconnect(); }
}

// Work that may wait, one piece a frame.
export class FrameQueue {
    private waiting = new Set<() => void>();
    private frame = 0;

    // `isNext`: before what waits already.
    add(work: () => void, isNext = false): () => void {
        if (isNext) this.waiting = new Set([work, ...this.waiting]);
        else this.waiting.add(work);
        this.frame ||= requestAnimationFrame(this.next);
        return () => this.waiting.delete(work);
    }
    private readonly next = (): void => {
        this.frame = 0;
        const [work] = this.waiting;
        if (!work) return;
        this.waiting.delete(work);
        work();
        this.frame = requestAnimationFrame(this.next);
    };
}

// What is drawn when there is time: turns that come near, long texts.
export const drawing = new FrameQueue();
