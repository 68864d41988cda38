// Quantiles out of the histograms of GET /metrics, over the last minute where there was traffic, else since the start.
import { signal } from '@preact/signals';
import { fetchMetrics } from './api';

export interface Histogram { bounds: number[]; counts: number[] }   // counts are cumulative, as Prometheus tells them
export interface Latency { p50: number; p95: number; window: 'last minute' | 'since the start' }
export const firstToken = signal<Latency | null>(null);
export const nextToken = signal<Latency | null>(null);

export function readHistogram(text: string, name: string): Histogram {
    const histogram: Histogram = { bounds: [], counts: [] };
    for (const [, bound, count] of text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\S+)`, 'gm'))) {
        histogram.bounds.push(bound === '+Inf' ? Infinity : Number(bound));
        histogram.counts.push(Number(count));
    }
    return histogram;
}

export const minus = (after: Histogram, before: Histogram): Histogram =>
    ({ bounds: after.bounds, counts: after.counts.map((count, index) => count - (before.counts[index] ?? 0)) });

// Linear within the bucket the quantile falls into; the last finite bound when it falls beyond. NaN when empty.
export function quantile({ bounds, counts }: Histogram, share: number): number {
    const total = counts.at(-1) ?? 0;
    if (!total) return NaN;
    const index = counts.findIndex((count) => count >= share * total);
    const [low, under] = index ? [bounds[index - 1], counts[index - 1]] : [0, 0];
    if (bounds[index] === Infinity) return low;
    return low + (bounds[index] - low) * (share * total - under) / (counts[index] - under);
}

const windowMs = 60_000;
let scrapes: { time: number; first: Histogram; next: Histogram }[] = [];

function latencyOf(latest: Histogram, before: Histogram): Latency | null {
    const recent = minus(latest, before);
    const isRecent = (recent.counts.at(-1) ?? 0) > 0;
    const used = isRecent ? recent : latest;
    const p50 = quantile(used, 0.5);
    return Number.isNaN(p50) ? null : { p50, p95: quantile(used, 0.95), window: isRecent ? 'last minute' : 'since the start' };
}

export async function scrape(): Promise<void> {
    const text = await fetchMetrics().catch(() => null);   // the watcher says when the node is away
    if (text === null) return;
    const latest = { time: Date.now(), first: readHistogram(text, 'gptoss_time_to_first_token_seconds'), next: readHistogram(text, 'gptoss_time_between_tokens_seconds') };
    const restarted = (latest.first.counts.at(-1) ?? 0) < (scrapes.at(-1)?.first.counts.at(-1) ?? 0);
    scrapes = [...(restarted ? [] : scrapes.filter(({ time }) => time > latest.time - windowMs)), latest];
    firstToken.value = latencyOf(latest.first, scrapes[0].first);
    nextToken.value = latencyOf(latest.next, scrapes[0].next);
}
