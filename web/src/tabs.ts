// What tabs of one browser tell each other: what they have kept, and whose answer they are waiting for.
export type Word =
    | { kind: 'kept'; conversation: string; turns: string[] }
    | { kind: 'draft'; conversation: string }
    | { kind: 'who asks'; turn: string }        // is there a tab that waits for the node to take this answer's question?
    | { kind: 'I ask'; turn: string };

// Missing in no browser of today; without one a tab is alone.
const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('gpt-oss-node');

export const tell = (word: Word): void => channel?.postMessage(word);
export const hear = (listener: (word: Word) => void): void => { channel?.addEventListener('message', ({ data }: MessageEvent<Word>) => listener(data)); };
