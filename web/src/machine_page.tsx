import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { history, node } from './state';

const bytes = (count: number): string => {
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
    return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
};

export function MachinePage() {
    const status = node.value;
    if (!status) return <main class="machine"><p class="hint">Nothing is known yet.</p></main>;
    const { card, engine } = status;
    const facts: [string, string | number | undefined][] = [
        ['Model', status.model], ['Context', status.context_length && `${status.context_length.toLocaleString('en')} tokens`], ['Layers', card?.layers],
        ['File parts', card?.parts], ['Composite hash', card?.provenance?.composite_sha256],
        ['Verified', card?.provenance && `${card.provenance.verified ? 'yes' : 'no'}: ${card.provenance.detail || card.provenance.registry}`], ['Device', status.device], ['Placement', status.placement], ['Version', status.version],
    ];
    return <main class="machine">
        <h1>Machine</h1>
        <dl>{facts.filter(([, value]) => value !== undefined && value !== '').map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
        {card?.memory && <Memory />}
        {engine && <>
            <h2>Now</h2>
            <dl class="figures">
                <div><dt>Generation</dt><dd>{engine.generated_tokens_per_second.toFixed(1)} tok/s</dd></div>
                <div><dt>Prompts</dt><dd>{engine.prompt_tokens_per_second.toFixed(1)} tok/s</dd></div>
                <div><dt>Running</dt><dd>{engine.running} of {status.max_sequences}</dd></div>
                <div><dt>Waiting</dt><dd>{engine.waiting}</dd></div>
                <div><dt>Prompt tokens from cache</dt><dd>{engine.prompt_tokens ? `${(100 * engine.cached_tokens / engine.prompt_tokens).toFixed(0)} %` : '–'}</dd></div>
                <div><dt>Tokens generated</dt><dd>{engine.generated_tokens.toLocaleString('en')}</dd></div>
            </dl>
            <Meter label="KV cache" parts={[['used', engine.kv_blocks_used], ['prefixes', engine.kv_blocks_cached], ['free', engine.kv_blocks_total - engine.kv_blocks_used - engine.kv_blocks_cached]]} unit={(count) => `${count} blocks`} />
            <h2>The last hour</h2>
            <Chart />
        </>}
    </main>;
}

function Memory() {
    const memory = node.value!.card!.memory!;
    const claimed = memory.weight_bytes + memory.full_kv_bytes + memory.sliding_kv_bytes + memory.workspace_bytes + memory.runtime_bytes;
    return <><h2>Memory</h2><Meter label="Memory plan" unit={bytes} parts={[['weights', memory.weight_bytes], ['KV, full layers', memory.full_kv_bytes], ['KV, sliding layers', memory.sliding_kv_bytes],
        ['workspace', memory.workspace_bytes], ['runtime', memory.runtime_bytes], ['free', Math.max(memory.free_bytes - claimed, 0)]]} /></>;
}

function Meter({ label, parts, unit }: { label: string; parts: [string, number][]; unit: (value: number) => string }) {
    const total = parts.reduce((sum, [, value]) => sum + value, 0) || 1;
    const shown = parts.filter(([, value]) => value > 0);
    return <figure class="meter" aria-label={label}>
        <div class="track" aria-hidden="true">{shown.map(([name, value]) => <span key={name} class={`part part-${name === 'free' ? 'free' : parts.findIndex(([other]) => other === name)}`} style={{ width: `${100 * value / total}%` }} />)}</div>
        <figcaption><b>{label}</b>{shown.map(([name, value]) => <span key={name}><i class={`part part-${name === 'free' ? 'free' : parts.findIndex(([other]) => other === name)}`} />{name} {unit(value)}</span>)}</figcaption>
    </figure>;
}

function Chart() {
    const place = useRef<HTMLDivElement>(null);
    const plot = useRef<UPlot>();
    useEffect(() => {
        const box = place.current!;
        const color = getComputedStyle(box).color;
        const axis = { stroke: color, grid: { stroke: '#88888833' } };
        plot.current = new UPlot({ width: box.clientWidth, height: 240, axes: [axis, axis],
            series: [{}, { label: 'generation tok/s', stroke: '#0d9488', width: 2 }, { label: 'prompt tok/s', stroke: '#d97706', width: 2 }, { label: 'running', stroke: '#7c3aed', width: 1 }] }, [[], [], [], []], box);
        const observer = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: 240 }));
        observer.observe(box);
        return () => { observer.disconnect(); plot.current?.destroy(); };
    }, []);
    const samples = history.value;
    useEffect(() => { plot.current?.setData([samples.map((s) => s.time), samples.map((s) => s.generation), samples.map((s) => s.prompt), samples.map((s) => s.running)]); }, [samples]);
    return <div class="chart" ref={place} role="img" aria-label="Tokens a second and running sequences over the last hour" />;
}
