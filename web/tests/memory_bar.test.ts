import { expect, test } from 'vitest';
import { memoryParts } from '../src/memory_bar';

const memory = { weight_bytes: 60, full_kv_bytes: 20, sliding_kv_bytes: 2, workspace_bytes: 3, runtime_bytes: 1, free_bytes: 96 };
const engine = { running: 1, waiting: 0, kv_blocks_used: 5, kv_blocks_cached: 2, kv_blocks_total: 10, prompt_tokens: 0, cached_tokens: 0, generated_tokens: 0,
    preemptions: 0, prompt_tokens_per_second: 0, generated_tokens_per_second: 0 };
const sizes = (...device: number[]) => Object.fromEntries(memoryParts(memory, engine, ...device).map(({ kind, bytes }) => [kind, bytes]));

test('the bar adds up to the memory there is', () => {
    expect(sizes()).toEqual({ weights: 60, used: 10, kept: 4, idle: 6, sliding: 2, workspace: 4, free: 10 });
    expect(sizes(100, 90)).toEqual({ weights: 60, used: 10, kept: 4, idle: 6, sliding: 2, workspace: 4, others: 4, free: 10 });
});
