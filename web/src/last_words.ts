// What was shown and not kept yet when a page goes: storage takes its time, which a page that is closed does not have. Local storage
// is written at once, and whoever is next there moves it to its place.
import type { Turn } from './conversation';
import { keepTurn } from './state';

const keyName = 'gptoss-last-words';

export const unkept = new Map<string, { place: string; turn: Turn }>();   // by the turn's id

export function keepLastWords(): void {
    if (!unkept.size) return;
    try {
        localStorage.setItem(keyName, JSON.stringify([...read(), ...unkept.values()]));
    } catch { /* No room: what the node still has is read again. */ }
}

export function takeLastWords(): void {
    const words = read();
    localStorage.removeItem(keyName);
    for (const { place, turn } of words) void keepTurn(place, turn);
}

function read(): { place: string; turn: Turn }[] {
    try {
        return JSON.parse(localStorage.getItem(keyName) ?? '[]');
    } catch { return []; }
}
