import { useEffect } from 'preact/hooks';
import type { Gpu } from './api';
import { DayCharts, Troubles } from './day_charts';
import { EarningsCard } from './earnings_card';
import { FleetCards } from './fleet_cards';
import { CopyButton } from './copy_button';
import { firstToken, nextToken, scrape, type Latency } from './latency';
import { MemoryBar } from './memory_bar';
import { rate } from './rate';
import { Receipts } from './receipts_list';
import { RunningRequests } from './running_requests';
import { node } from './watch';

const scrapeEveryMs = 2000;

export function MachinePage() {
    useEffect(() => {
        void scrape();
        const timer = setInterval(() => { if (!document.hidden) void scrape(); }, scrapeEveryMs);
        return () => clearInterval(timer);
    }, []);
    const status = node.value;
    if (!status) return <main class="machine"><h1>Machine</h1><p class="hint">Nothing is known yet.</p></main>;
    return <main class="machine" tabIndex={0}>
        <Model />
        {status.progress && <section class="card"><h2>Loading</h2><p>{status.progress.stage || 'Starting'}{status.progress.fraction !== undefined && ` · ${(100 * status.progress.fraction).toFixed(0)} %`}{status.progress.gb_per_second !== undefined && ` · ${status.progress.gb_per_second.toFixed(1)} GB/s`}</p>
            <progress aria-label="Loading" value={status.progress.fraction} /></section>}
        {status.obstacle && <section class="card" role="alert"><h2>Not taking requests</h2><p class="problem">{status.obstacle}</p></section>}
        {status.failure && <section class="card" role="alert"><h2>Failed</h2><p class="problem">{status.failure}</p></section>}
        {status.engine && <>
            <Figures />
            {status.card?.memory && <MemoryBar memory={status.card.memory} engine={status.engine} gpu={status.gpu} />}
            {status.gpu && <Card gpu={status.gpu} />}
            {status.admin && <RunningRequests />}
            <Queue />
            <DayCharts />
            {status.admin && <EarningsCard />}
            <FleetCards />
            <Receipts />
        </>}
        <Troubles />
    </main>;
}

function Model() {
    const { model, device, placement, version, context_length: context, card } = node.value!;
    const facts = [card?.layers && `${card.layers} layers`, card?.parts && `${card.parts} file${card.parts > 1 ? 's' : ''}`,
        context && `${context.toLocaleString('en')} tokens of context`, `gpt-oss-node ${version}`].filter(Boolean);
    return <section class="model">
        <h1>{model ?? 'No model yet'}</h1>
        <p class="soft">{facts.join(' · ')}</p>
        <p>{device}{placement && `: ${placement}`}</p>
        {card?.provenance && <Weights />}
    </section>;
}

// How the weights were verified, and when.
function Weights() {
    const { card, weight_check: again } = node.value!;
    const { composite_sha256: hash, verified, detail, registry, hashes_from: from, checked_at: at, obtained } = card!.provenance!;
    const how = [detail || registry, hash && (from === 'manifest' ? `hash taken from the manifest${obtained ? ` (${obtained})` : ''}` : from), at && `at ${new Date(at).toLocaleString()}`, again];
    return <p class="provenance">
        <span class={`badge ${verified ? 'good' : ''}`}>{verified ? 'Verified' : 'Not verified'}</span>
        <span>{how.filter(Boolean).join(' · ')}</span>
        {hash && <span class="hash"><code>{hash}</code><CopyButton text={hash} name="the composite hash" /></span>}
    </p>;
}

// Who waits, and how much of each step prompts may take while others generate.
function Queue() {
    const { engine, queue_limit: limit, scheduling } = node.value!;
    const { waiting, oldest_wait_ms: wait, step_bound_ms: bound, preemptions, running } = engine!;
    return <section class="card"><h2>Queue and pacer</h2><dl class="facts">
        <dt>Waiting</dt><dd>{waiting.toLocaleString('en')}{limit !== undefined && ` of at most ${limit.toLocaleString('en')}`}{waiting > 0 && wait !== undefined && `, the longest for ${(wait / 1000).toFixed(1)} s`}</dd>
        <dt>Scheduling</dt><dd>{scheduling ?? '–'}</dd>
        <dt>A step with prompts</dt><dd>{bound ? `may take ${bound.toFixed(0)} ms, so that answers keep flowing` : running ? 'as long as it needs: nobody generates beside it' : 'not bounded: nobody generates'}</dd>
        <dt>Preemptions</dt><dd>{preemptions.toLocaleString('en')} since the start</dd>
    </dl></section>;
}

function Figures() {
    const { engine, max_sequences: most } = node.value!;
    const { generated_tokens_per_second: generation, prompt_tokens_per_second: prompts, running, waiting, prompt_tokens: prompt, cached_tokens: cached, generated_tokens: generated } = engine!;
    return <dl class="figures-grid">
        <Figure name="Generation" value={rate(generation)} unit="tok/s" note={`${generated.toLocaleString('en')} tokens since the start`} />
        <Figure name="Prompts" value={rate(prompts)} unit="tok/s" note={`${prompt.toLocaleString('en')} tokens since the start`} />
        <Timing name="First token after" latency={firstToken.value} />
        <Timing name="Between tokens" latency={nextToken.value} />
        <Figure name="Running" value={String(running)} unit={most ? `of ${most}` : ''} note={waiting ? `${waiting} in the queue` : 'nobody waits'} />
        <Figure name="Prompts from cache" value={prompt ? (100 * cached / prompt).toFixed(0) : '–'} unit={prompt ? '%' : ''} note={`${cached.toLocaleString('en')} tokens not computed again`} />
    </dl>;
}

function Figure({ name, value, unit, note }: { name: string; value: string; unit: string; note: string }) {
    return <div class="card"><dt>{name}</dt><dd><strong>{value}</strong> {unit}<span class="soft note">{note}</span></dd></div>;
}

function Timing({ name, latency }: { name: string; latency: Latency | null }) {
    if (!latency) return <Figure name={name} value="–" unit="" note="no answer yet" />;
    const [value, unit] = ms(latency.p50);
    return <Figure name={name} value={value} unit={`${unit} (median)`} note={`95 % within ${ms(latency.p95).join(' ')}, ${latency.window}`} />;
}

function Card({ gpu }: { gpu: Gpu }) {
    const { utilization_percent: busy, temperature_celsius: heat, power_watts: power, power_limit_watts: most, sm_clock_mhz: clock } = gpu;
    const lowered = gpu.throttling?.length ? `clocks lowered: ${gpu.throttling.join(', ')}` : 'clocks not lowered';
    return <dl class="figures-grid">
        {busy !== undefined && <Figure name="GPU busy" value={busy.toFixed(0)} unit="%" note={clock ? `at ${clock.toFixed(0)} MHz` : gpu.name} />}
        {heat !== undefined && <Figure name="Temperature" value={heat.toFixed(0)} unit="°C" note={lowered} />}
        {power !== undefined && <Figure name="Power" value={power.toFixed(0)} unit="W" note={most ? `of ${most.toFixed(0)} W` : gpu.name} />}
    </dl>;
}

const ms = (seconds: number): [string, string] => (seconds < 1 ? [(seconds * 1000).toPrecision(seconds < 0.1 ? 2 : 3), 'ms'] : [seconds.toFixed(1), 's']);
