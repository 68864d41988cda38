// Asks the node once a second how it is; says so when it does not answer, and goes on asking.
import { effect, signal } from '@preact/signals';
import { ApiError, fetchStatus, keyRefused, needsKey, type NodeStatus } from './api';

export const node = signal<NodeStatus | null>(null);
export const awaySince = signal<number | null>(null);   // Date.now() when it stopped answering
export interface Happening { time: number; text: string }
export const happenings = signal<Happening[]>([]);      // what went wrong as this page saw it, newest first
const keptHappenings = 50;

export function report(text: string): void {
    happenings.value = [{ time: Date.now(), text }, ...happenings.value].slice(0, keptHappenings);
}

async function look(): Promise<void> {
    try {
        const status = await fetchStatus();
        if (status.obstacle && status.obstacle !== node.value?.obstacle) report(status.obstacle);
        if (status.failure && status.failure !== node.value?.failure) report(status.failure);
        if (awaySince.value !== null) report(`The node is back after ${Math.round((Date.now() - awaySince.value) / 1000)} s.`);
        node.value = status;
        awaySince.value = null;
        keyRefused.value = false;
    } catch (error) {
        if (error instanceof ApiError && error.status !== 0) { awaySince.value = null; return; }
        if (awaySince.value === null) report('The node does not answer.');
        awaySince.value ??= Date.now();
    }
}

export function watchNode(): void {
    let timer = 0;
    const round = async () => {
        clearTimeout(timer);
        await look();
        clearTimeout(timer);
        // A page without its key asks nothing until it has one; a hidden page asks seldom.
        if (!needsKey.value) timer = window.setTimeout(() => void round(), document.hidden ? 10_000 : 1000);
    };
    document.addEventListener('visibilitychange', () => { if (!document.hidden && !needsKey.value) void round(); });
    effect(() => { if (!needsKey.value) void round(); });
}
