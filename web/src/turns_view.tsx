// The turns of a conversation. Thousands of them stay cheap: one out of sight is its plain text, and is drawn when it comes near.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Turn } from './conversation';
import { isBusy } from './asking';
import { Icon } from './icons';
import { memo } from './memo';
import { printing } from './printing';
import { currentId, loaded, shown } from './state';
import { TurnView } from './turn_view';
import { Welcome } from './welcome';

const drawnAtOnce = 8;      // the newest
const drawnEachFrame = 2;
const nearPixels = 1200;

export const Turns = () => <TurnsOf key={currentId.value} />;

function TurnsOf() {
    const box = useRef<HTMLDivElement>(null);
    const flow = useRef<HTMLDivElement>(null);
    const follows = useRef(true);
    const lastTop = useRef(0);
    const [behind, setBehind] = useState(false);
    const [nearness] = useState(() => new Nearness());
    const toEnd = () => { box.current!.scrollTop = box.current!.scrollHeight; };
    useLayoutEffect(() => {
        nearness.watchIn(box.current!);
        const grows = new ResizeObserver(() => { if (follows.current) toEnd(); });
        grows.observe(flow.current!);
        grows.observe(box.current!);
        return () => { grows.disconnect(); nearness.end(); };
    }, []);
    useLayoutEffect(() => { if (follows.current) toEnd(); }, [shown.value]);
    // Scrolling up lets go of the end, reaching the end takes hold of it again.
    const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLElement }) => {
        const atEnd = scrollHeight - scrollTop - clientHeight < 8;
        if (atEnd) follows.current = true;
        else if (scrollTop < lastTop.current) follows.current = false;
        lastTop.current = scrollTop;
        setBehind(!follows.current);
    };
    const catchUp = () => { follows.current = true; setBehind(false); toEnd(); };
    const path = shown.value;
    return <div class="turns-frame">
        <div class="turns" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={onScroll}><div class="flow" ref={flow}>
            {!path.length && loaded.value && <Welcome />}
            {path.map(({ turn, place, versions }, index) => <Slot key={turn.id} turn={turn} place={place} versions={versions.length} isLast={index === path.length - 1}
                isDrawn={index >= path.length - drawnAtOnce} nearness={nearness} />)}
        </div></div>
        {behind && <button class="catch-up" onClick={catchUp}><Icon name="down" />{isBusy() ? 'Follow the answer' : 'To the end'}</button>}
    </div>;
}

interface SlotProperties { turn: Turn; place: number; versions: number; isLast: boolean; isDrawn: boolean; nearness: Nearness }

const Slot = memo(({ turn, place, versions, isLast, isDrawn, nearness }: SlotProperties) => {
    const [drawn, draw] = useState(isDrawn);
    const box = useRef<HTMLElement>(null);
    const isShown = drawn || printing.value;
    useEffect(() => (isShown ? undefined : nearness.whenNear(box.current!, () => draw(true))), [isShown]);
    if (isShown) return <TurnView turn={turn} place={place} versions={versions} isLast={isLast} />;
    return <article class={`turn later ${turn.role}`} data-turn={turn.id} aria-label={turn.role === 'user' ? 'Question' : 'Answer'} ref={box}><p dir="auto" class="said">{turn.text}</p></article>;
});

// Tells elements when they come near what is in sight, a few each frame.
class Nearness {
    private readonly waiting = new Map<Element, () => void>();
    private readonly near = new Set<Element>();
    private observer: IntersectionObserver | undefined;
    private frame = 0;

    watchIn(root: HTMLElement): void {
        this.observer = new IntersectionObserver((entries) => {
            for (const { target, isIntersecting } of entries) if (isIntersecting) this.near.add(target); else this.near.delete(target);
            this.frame ||= requestAnimationFrame(this.drawSome);
        }, { root, rootMargin: `${nearPixels}px 0px` });
        for (const element of this.waiting.keys()) this.observer.observe(element);
    }
    whenNear(element: Element, act: () => void): () => void {
        this.waiting.set(element, act);
        this.observer?.observe(element);
        return () => { this.waiting.delete(element); this.near.delete(element); this.observer?.unobserve(element); };
    }
    end(): void { cancelAnimationFrame(this.frame); this.observer?.disconnect(); }

    private readonly drawSome = (): void => {
        this.frame = 0;
        for (const element of [...this.near].slice(0, drawnEachFrame)) {
            this.near.delete(element);
            this.waiting.get(element)?.();
        }
        if (this.near.size) this.frame = requestAnimationFrame(this.drawSome);
    };
}
