// What an answer waits for before its first token, as the node tells it: its turn, or that its prompt is read.
import { useEffect, useState } from 'preact/hooks';
import { standing, type Response } from './responses_api';

const askEveryMs = 1000;   // the first time too: most answers begin sooner

export function wordsFor(progress: Response['progress']): string {
    if (progress?.stage === 'queued') return 'Waiting for its turn…';
    if (progress?.stage !== 'prompt') return 'Waiting for the first token…';
    return `Reading the prompt: ${progress.prompt_read.toLocaleString('en')} of ${progress.prompt_tokens.toLocaleString('en')} tokens…`;
}

export function WaitingWords({ id }: { id: string | undefined }) {
    const [progress, set] = useState<Response['progress']>();
    useEffect(() => {
        if (!id) return undefined;
        const timer = setInterval(() => { if (!document.hidden) void standing(id).then(set, () => undefined); }, askEveryMs);
        return () => clearInterval(timer);
    }, [id]);
    return <p class="hint waiting" role="status">{wordsFor(progress)}</p>;
}
