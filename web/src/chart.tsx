import { useEffect, useRef, useState } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { History } from './api';
import { day, span } from './day';
import { onSchemeChange } from './scheme';

export interface Line { label: string; of: (history: History) => (number | null)[] }

const colorNames = ['--line-a', '--line-b'];
const samplesAtOnce = 30;
const dashed = [6, 3];   // the second line: colours alone tell nothing to some

const clock = (time_s: number) => new Date(time_s * 1000).toLocaleTimeString('en', { hour12: false });

// `stacked`: each line stands on those before it, so that the highest is the sum.
export function Chart({ unit, lines, height = 180, stacked = false }: { unit: string; lines: Line[]; height?: number; stacked?: boolean }) {
    const place = useRef<HTMLDivElement>(null);
    const plot = useRef<UPlot>();
    const [at, walk] = useState<number | null>(null);   // the sample that the keys walked to
    const samples = day.value?.time.length ?? 0;
    const shownAt = Math.min(at ?? samples - 1, samples - 1);
    const words = samples && `${clock(day.value!.time[shownAt])}: ${lines.map(({ label, of }) => `${label} ${of(day.value!)[shownAt]?.toFixed(1) ?? 'unknown'}`).join(', ')}`;
    const onKey = (event: KeyboardEvent) => {
        const to = { ArrowLeft: shownAt - 1, ArrowDown: shownAt - 1, ArrowRight: shownAt + 1, ArrowUp: shownAt + 1, PageUp: shownAt - samplesAtOnce, PageDown: shownAt + samplesAtOnce, Home: 0, End: samples - 1 }[event.key];
        if (to === undefined || !samples || event.altKey || event.ctrlKey) return;
        event.preventDefault();
        const next = Math.max(0, Math.min(to, samples - 1));
        walk(next);
        plot.current!.setCursor({ left: plot.current!.valToPos(day.value!.time[next], 'x'), top: 0 });
    };
    useEffect(() => {
        const box = place.current!;
        let told: (number | null)[][] = [];   // as the node gave them, for the legend
        const make = () => {
            plot.current?.destroy();
            const probe = document.createElement('i');
            box.append(probe);
            const color = (name: string) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };
            const grid = { stroke: color('--line'), width: 1 };
            const axis = { stroke: color('--soft'), grid, ticks: grid, font: '12px system-ui' };
            const range = (_: UPlot, __: number, high: number): [number, number] => [high - span.peek().seconds, high];
            plot.current = new UPlot({
                width: box.clientWidth, height, cursor: { sync: { key: 'day' }, points: { size: 6 }, drag: { x: false, y: false } },
                legend: { markers: { dash: (_, series) => (series === 2 ? 'dashed' : 'solid') } },
                scales: { x: { range }, y: { range: (_, __, high) => [0, Math.max(high * 1.1, 1)] } },
                axes: [{ ...axis, values: '{HH}:{mm}' as unknown as string[], space: 70 }, { ...axis, size: 56, label: unit, labelSize: 18, labelFont: '12px system-ui' }],
                series: [{ label: 'time', value: '{HH}:{mm}:{ss}' }, ...lines.map(({ label }, index) => ({ label, stroke: color(colorNames[index]), width: 1.5, points: { show: false }, ...(index ? { dash: dashed } : {}),
                    ...(stacked ? { fill: color(`${colorNames[index]}-tint`) } : {}),
                    value: (_: UPlot, __: number, series: number, at: number | null) => { const value = at === null ? null : told[series - 1]?.[at]; return value == null ? '–' : value.toFixed(1); } }))],
                // Filled down to the line below, not over it.
                bands: stacked ? lines.slice(1).map((_, index) => ({ series: [index + 2, index + 1] as [number, number] })) : [],
            }, [[], ...lines.map(() => [])], box);
            probe.remove();
            draw();
        };
        const draw = () => {
            const history = day.peek();
            if (!history) return;
            told = lines.map(({ of }) => of(history));
            const shown = stacked ? told.map((_, index) => history.time.map((__, at) => told.slice(0, index + 1).reduce((sum, values) => sum + (values[at] ?? 0), 0))) : told;
            plot.current?.setData([history.time, ...shown] as UPlot.AlignedData);
        };
        make();
        const observer = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height }));
        observer.observe(box);
        const leave = onSchemeChange(make);
        const unsubscribe = day.subscribe(draw);
        return () => { unsubscribe(); leave(); observer.disconnect(); plot.current?.destroy(); };
    }, []);
    // A slider over time, so that arrow keys walk it and a screen reader tells each sample.
    return <div class="chart" ref={place} role="slider" tabIndex={0} aria-label={`${lines.map(({ label }) => label).join(' and ')}, ${unit}, over the last ${span.value.name}`}
        aria-valuemin={0} aria-valuemax={Math.max(samples - 1, 0)} aria-valuenow={Math.max(shownAt, 0)} aria-valuetext={words || 'nothing yet'} onKeyDown={onKey} onBlur={() => walk(null)} />;
}
