// The turns of a conversation. Thousands of them stay cheap: they lie in stretches. One far away is a single box with the words in it,
// for the browser's own search; a near one has its turns as plain text, which are drawn one a frame before they come into sight.
import { Component } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { isBusy } from './asking';
import type { Shown } from './conversation';
import { Icon } from './icons';
import { memo } from './memo';
import { drawing, Nearness } from './nearness';
import { printing } from './printing';
import { currentId, loaded, shown } from './state';
import { TurnView } from './turn_view';
import { Welcome } from './welcome';

const turnsInStretch = 20;
const drawnAtOnce = 6;      // the newest
const stretchNearPixels = 3000;
const turnNearPixels = 1200;

export const Turns = () => <TurnsOf key={currentId.value} />;

interface Place { stretches: Nearness; turns: Nearness }

function TurnsOf() {
    const box = useRef<HTMLDivElement>(null);
    const flow = useRef<HTMLDivElement>(null);
    const follows = useRef(true);
    const lastTop = useRef(0);
    const [behind, setBehind] = useState(false);
    const [place] = useState<Place>(() => ({ stretches: new Nearness(stretchNearPixels), turns: new Nearness(turnNearPixels) }));
    const toEnd = () => { if (shown.peek().length) box.current!.scrollTop = box.current!.scrollHeight; };   // a welcome is read from its beginning
    useLayoutEffect(() => {
        place.stretches.within(box.current!);
        place.turns.within(box.current!);
        const grows = new ResizeObserver(() => { if (follows.current) toEnd(); });
        grows.observe(flow.current!);
        grows.observe(box.current!);
        return () => { grows.disconnect(); place.stretches.end(); place.turns.end(); };
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
    return <div class="turns-frame">
        <div class="turns" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={onScroll}><div class="flow" ref={flow}>
            {!shown.value.length && loaded.value && <Welcome />}
            <Stretches place={place} />
        </div></div>
        {behind && <button class="catch-up" onClick={catchUp}><Icon name="down" />{isBusy() ? 'Follow the answer' : 'To the end'}</button>}
    </div>;
}

// Apart from the box around it, which is drawn again as it is scrolled.
const Stretches = memo(({ place }: { place: Place }) => {
    const path = shown.value;
    const count = Math.ceil(path.length / turnsInStretch);
    const isPrinted = printing.value;
    return <>{Array.from({ length: count }, (_, index) => <Stretch key={index} entries={path.slice(index * turnsInStretch, (index + 1) * turnsInStretch)} isLast={index === count - 1} isPrinted={isPrinted} place={place} />)}</>;
});

interface StretchProperties { entries: Shown[]; isLast: boolean; isPrinted: boolean; place: Place }

class Stretch extends Component<StretchProperties, { isNear: boolean }> {
    state = { isNear: this.props.isLast };
    private heightPixels = this.props.entries.reduce((sum, { turn }) => sum + 90 + Math.ceil((turn.text.length + 1) / 80) * 24, 0);
    private unwatch: (() => void) | undefined;

    shouldComponentUpdate({ entries, isLast, isPrinted }: StretchProperties, { isNear }: { isNear: boolean }) {
        const mine = this.props.entries;
        return isNear !== this.state.isNear || isLast !== this.props.isLast || isPrinted !== this.props.isPrinted || entries.length !== mine.length
            || entries.some(({ turn, place, versions }, index) => turn !== mine[index].turn || place !== mine[index].place || versions.length !== mine[index].versions.length);
    }
    componentDidMount() {
        const box = this.base as HTMLElement;
        this.unwatch = this.props.place.stretches.watch(box, (isNear, heightPixels) => {
            // What is edited or read with the keyboard stays as it is.
            if (!isNear && (box.contains(document.activeElement) || box.querySelector('.editing'))) return;
            if (!isNear && this.state.isNear) this.heightPixels = heightPixels;
            this.setState({ isNear });
        });
    }
    componentWillUnmount() { this.unwatch?.(); }

    render({ entries, isLast, isPrinted, place }: StretchProperties) {
        if (!this.state.isNear && !isLast && !isPrinted) return <div class="stretch far" style={{ height: `${this.heightPixels}px` }}>{entries.map(({ turn }) => `${turn.text}\n`)}</div>;
        const lately = isLast ? entries.length - drawnAtOnce : entries.length;
        return <div class="stretch" style={{ height: '' }}>{entries.map(({ turn, place: version, versions }, index) => <Slot key={turn.id} turn={turn} version={version} versions={versions.length}
            isLast={isLast && index === entries.length - 1} isDrawn={index >= lately} place={place} />)}</div>;
    }
}

interface SlotProperties { turn: Shown['turn']; version: number; versions: number; isLast: boolean; isDrawn: boolean; place: Place }

const Slot = memo(({ turn, version, versions, isLast, isDrawn, place }: SlotProperties) => {
    const [drawn, draw] = useState(isDrawn);
    const box = useRef<HTMLElement>(null);
    const isShown = drawn || printing.value;
    useEffect(() => {
        if (isShown) return undefined;
        let leave: (() => void) | undefined;
        const unwatch = place.turns.watch(box.current!, (isNear) => {
            leave?.();
            leave = isNear ? drawing.add(() => draw(true)) : undefined;
        });
        return () => { unwatch(); leave?.(); };
    }, [isShown]);
    if (isShown) return <TurnView turn={turn} place={version} versions={versions} isLast={isLast} isLate={!isDrawn} />;
    return <article class={`turn later ${turn.role}`} data-turn={turn.id} aria-label={turn.role === 'user' ? 'Question' : 'Answer'} ref={box}><p dir="auto" class="said">{turn.text}</p></article>;
});
