// The memory plan as one bar: what was claimed at the start, how much of the KV cache is in use, what is left.
import type { EngineFigures, Gpu, MemoryPlan } from './api';

export function bytes(count: number): string {
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
    return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

export interface Part { name: string; kind: string; bytes: number }

// `totalBytes` and `usedBytes`: of the whole device, where it tells them; what others use follows.
export function memoryParts(memory: MemoryPlan, engine: EngineFigures, totalBytes = 0, usedBytes = 0): Part[] {
    const blockBytes = engine.kv_blocks_total ? memory.full_kv_bytes / engine.kv_blocks_total : 0;
    const claimed = memory.weight_bytes + memory.full_kv_bytes + memory.sliding_kv_bytes + memory.workspace_bytes + memory.runtime_bytes;
    const others = totalBytes ? Math.max(usedBytes - claimed, 0) : 0;
    const capacity = totalBytes || memory.free_bytes;
    return [
        { name: 'weights', kind: 'weights', bytes: memory.weight_bytes },
        { name: 'KV in use', kind: 'used', bytes: blockBytes * engine.kv_blocks_used },
        { name: 'KV kept for prefixes', kind: 'kept', bytes: blockBytes * engine.kv_blocks_cached },
        { name: 'KV free', kind: 'idle', bytes: blockBytes * (engine.kv_blocks_total - engine.kv_blocks_used - engine.kv_blocks_cached) },
        { name: 'KV of sliding layers', kind: 'sliding', bytes: memory.sliding_kv_bytes },
        { name: 'workspace', kind: 'workspace', bytes: memory.workspace_bytes + memory.runtime_bytes },
        { name: 'used by others', kind: 'others', bytes: others },
        { name: 'not claimed', kind: 'free', bytes: Math.max(capacity - claimed - others, 0) },
    ].filter((part) => part.bytes > 0);
}

export function MemoryBar({ memory, engine, gpu }: { memory: MemoryPlan; engine: EngineFigures; gpu?: Gpu }) {
    const parts = memoryParts(memory, engine, gpu?.memory_total_bytes, gpu?.memory_used_bytes);
    const ceiling = gpu?.memory_ceiling_bytes;
    const total = parts.reduce((sum, part) => sum + part.bytes, 0) || 1;
    return <section class="card"><h2>Memory <span class="soft">{bytes(total)}{ceiling && `, at most ${bytes(ceiling)} of it in use`}</span></h2>
        <div class="track" aria-hidden="true">{parts.map((part) => <span key={part.kind} class={`part ${part.kind}`} title={`${part.name}: ${bytes(part.bytes)}`} style={{ flexGrow: part.bytes / total }} />)}
            {ceiling && ceiling < total && <span class="ceiling" style={{ left: `${100 * ceiling / total}%` }} />}</div>
        <ul class="legend">{parts.map((part) => <li key={part.kind}><i class={`part ${part.kind}`} />{part.name} <span class="soft">{bytes(part.bytes)}</span></li>)}</ul>
    </section>;
}
