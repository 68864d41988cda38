import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { history, type Sample } from './history';

export interface Line { label: string; of: (sample: Sample) => number | null }

const colorNames = ['--line-a', '--line-b'];
const shortestSpanSeconds = 120;

export function Chart({ unit, lines, height = 180 }: { unit: string; lines: Line[]; height?: number }) {
    const place = useRef<HTMLDivElement>(null);
    const plot = useRef<UPlot>();
    useEffect(() => {
        const box = place.current!;
        const dark = matchMedia('(prefers-color-scheme: dark)');
        // A canvas does not follow the page's colours by itself: it is made anew when they change.
        const make = () => {
            plot.current?.destroy();
            const probe = document.createElement('i');
            box.append(probe);
            const color = (name: string) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };
            const grid = { stroke: color('--line'), width: 1 };
            const axis = { stroke: color('--soft'), grid, ticks: grid, font: '12px system-ui' };
            const span = (_: UPlot, low: number, high: number): [number, number] => [Math.min(low, high - shortestSpanSeconds), high];
            plot.current = new UPlot({
                width: box.clientWidth, height, cursor: { sync: { key: 'hour' }, points: { size: 6 } },
                scales: { x: { range: span }, y: { range: (_, __, high) => [0, Math.max(high * 1.1, 1)] } },
                axes: [{ ...axis, values: '{HH}:{mm}:{ss}' as unknown as string[], space: 90 }, { ...axis, size: 56, label: unit, labelSize: 18, labelFont: '12px system-ui' }],
                series: [{ label: 'time', value: '{HH}:{mm}:{ss}' }, ...lines.map(({ label }, index) => ({ label, stroke: color(colorNames[index]), width: 1.5, points: { show: false },
                    value: (_: UPlot, value: number | null) => (value === null ? '–' : `${value.toFixed(1)}`) }))],
            }, [[], ...lines.map(() => [])], box);
            probe.remove();
            draw();
        };
        const draw = () => plot.current?.setData([history.value.map(({ time }) => time), ...lines.map((line) => history.value.map(line.of))] as UPlot.AlignedData);
        make();
        const observer = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height }));
        observer.observe(box);
        dark.addEventListener('change', make);
        const unsubscribe = history.subscribe(draw);
        return () => { unsubscribe(); dark.removeEventListener('change', make); observer.disconnect(); plot.current?.destroy(); };
    }, []);
    return <div class="chart" ref={place} role="img" aria-label={`${lines.map(({ label }) => label).join(' and ')}, ${unit}, over the last hour`} />;
}
