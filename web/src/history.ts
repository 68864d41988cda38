// What the node did in the last hour, one sample a second while the page is open.
import { signal } from '@preact/signals';
import type { NodeStatus } from './api';

export interface Sample { time: number; prompt: number; generation: number; running: number; waiting: number;
    utilization: number | null; temperature: number | null; power: number | null }

export const history = signal<Sample[]>([]);
const keptSeconds = 3600;

export function remember({ engine, gpu }: NodeStatus): void {
    if (!engine) return;
    const time = Date.now() / 1000;
    history.value = [...history.value.filter((sample) => sample.time > time - keptSeconds),
        { time, prompt: engine.prompt_tokens_per_second, generation: engine.generated_tokens_per_second, running: engine.running, waiting: engine.waiting,
            utilization: gpu?.utilization_percent ?? null, temperature: gpu?.temperature_celsius ?? null, power: gpu?.power_watts ?? null }];
}
