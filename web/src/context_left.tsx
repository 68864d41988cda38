// What the conversation and what is about to be sent leave of the context, and what to leave out when it is too much.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { countInput } from './api';
import { fitOf, type Fit } from './context_fit';
import { contextUsed, newTurn, pathOf, type AttachedFile } from './conversation';
import { toRequest } from './request';
import { current, currentId } from './state';
import { node } from './watch';

const quietMs = 400;                    // of typing, before the node counts
const shortestCountedChars = 1000;      // a line more or less is not worth a count
const reserve = 64;                     // for the answer

const counted = signal<{ of: string; tokens: number } | null>(null);
const count = (value: number) => value.toLocaleString('en');

// What the count is of: the shown branch, its settings, the draft.
const draftKey = (text: string, files: AttachedFile[]) => JSON.stringify([currentId.value, pathOf(current.value).at(-1)?.id, current.value.settings.instructions, current.value.settings.tools, text, files.map(({ name, tokens }) => [name, tokens])]);

export function useFit(text: string, files: AttachedFile[]): Fit | null {
    const length = node.value?.context_length;
    const key = draftKey(text, files);
    const isWorthIt = files.length > 0 || text.length > shortestCountedChars;
    useEffect(() => {
        if (!isWorthIt || !length) return undefined;
        const abort = new AbortController();
        const timer = setTimeout(() => {
            const path = [...pathOf(current.peek()), { ...newTurn('user', text), files }];
            countInput(toRequest(path, current.peek().settings), abort.signal).then((tokens) => { counted.value = { of: key, tokens }; }, () => undefined);
        }, quietMs);
        return () => { clearTimeout(timer); abort.abort(); };
    }, [key, isWorthIt, length]);
    if (!length) return null;
    const known = counted.value?.of === key ? counted.value.tokens : (contextUsed(current.value) ?? 0) + files.reduce((sum, file) => sum + (file.tokens ?? 0), 0);
    return fitOf(known, length, files, isWorthIt ? reserve : 0);
}

export function ContextLeft({ fit }: { fit: Fit | null }) {
    const length = node.value?.context_length;
    if (!fit || !length) return <span class="context" />;
    if (fit.left < 0) return <span class="context problem">{count(-fit.left)} tokens too many</span>;
    return <span class="context">{count(fit.left)}<span class="label"> of {count(length)} tokens</span> left</span>;
}

export function TooMuch({ fit, remove }: { fit: Fit | null; remove: (files: AttachedFile[]) => void }) {
    if (!fit || fit.left >= 0) return null;
    const names = fit.leaveOut.map(({ name, tokens }) => `${name} (${count(tokens ?? 0)} tokens)`).join(', ');
    return <div class="row wrap" role="alert"><p class="problem grow">This is {count(-fit.left)} tokens more than the model's context holds.{' '}
        {names ? `It fits without ${names}.` : 'Shorten it, or begin a new chat.'}</p>
        {names && <button type="button" class="small" onClick={() => remove(fit.leaveOut)}>Leave {fit.leaveOut.length > 1 ? 'them' : 'it'} out</button>}</div>;
}
