// What the node did, as it keeps it itself: the last hour or the last day.
import { signal } from '@preact/signals';
import { fetchHistory, type History } from './api';

export const spans = [{ name: 'hour', seconds: 3600 }, { name: 'day', seconds: 86_400 }] as const;
export const span = signal<(typeof spans)[number]>(spans[0]);
export const day = signal<History | null>(null);

export async function lookBack(): Promise<void> {
    const wanted = span.value;
    const found = await fetchHistory(wanted.seconds).catch(() => null);   // the watcher says when the node is away
    if (found && wanted === span.value) day.value = found;
}
