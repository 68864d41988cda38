// What was not kept yet when a page goes: storage takes its time, which a page that is closed does not have. Local storage is
// written at once, and whoever is next there moves it to its place.
const keyOf = (kind: string): string => `gptoss-last-${kind}`;

export function leave(kind: string, words: unknown[]): void {
    if (!words.length) return;
    try {
        localStorage.setItem(keyOf(kind), JSON.stringify([...take(kind), ...words]));
    } catch { /* No room: the last third of a second is lost. */ }
}

export function take<Word>(kind: string): Word[] {
    try {
        const text = localStorage.getItem(keyOf(kind));
        localStorage.removeItem(keyOf(kind));
        return JSON.parse(text ?? '[]') as Word[];
    } catch { return []; }
}
