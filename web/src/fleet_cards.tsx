// The other nodes of a fleet, as this node asked them.
import { useEffect, useState } from 'preact/hooks';
import { fetchFleet, type FleetNode } from './api';
import { rate } from './rate';

const lookEveryMs = 3000;

export function FleetCards() {
    const [nodes, set] = useState<FleetNode[]>([]);
    useEffect(() => {
        const look = () => void fetchFleet().then(set, () => undefined);
        look();
        const timer = setInterval(() => { if (!document.hidden) look(); }, lookEveryMs);
        return () => clearInterval(timer);
    }, []);
    if (!nodes.length) return null;
    return <section aria-label="Other nodes"><h2>Other nodes <span class="soft">{nodes.filter(isReady).length} of {nodes.length} ready</span></h2>
        <ul class="fleet">{nodes.map((node) => <li class="card" key={node.name}><NodeCard node={node} /></li>)}</ul></section>;
}

const isReady = ({ status }: FleetNode): boolean => status?.status === 'ready';

function NodeCard({ node }: { node: FleetNode }) {
    const { name, status, problem } = node;
    const engine = status?.engine;
    const used = engine?.kv_blocks_total ? Math.round(100 * engine.kv_blocks_used / engine.kv_blocks_total) : null;
    return <>
        <h3><i class={`dot ${isReady(node) ? 'good' : status || !problem ? '' : 'bad'}`} aria-hidden="true" />{name}</h3>
        <p class={problem ? 'problem' : 'soft'}>{problem ?? (status ? [status.status, status.model, status.device].filter(Boolean).join(' · ') : 'being asked…')}</p>
        {engine && <dl class="facts">
            <dt>Generation</dt><dd>{rate(engine.generated_tokens_per_second)} tok/s</dd>
            <dt>Prompts</dt><dd>{rate(engine.prompt_tokens_per_second)} tok/s</dd>
            <dt>Running</dt><dd>{engine.running} of {status.max_sequences}{engine.waiting > 0 && `, ${engine.waiting} waiting`}</dd>
            {used !== null && <><dt>KV cache</dt><dd>{used} % in use</dd></>}
        </dl>}
    </>;
}
