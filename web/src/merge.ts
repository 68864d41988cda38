// Two tabs' views of one conversation become one, without an order between them: turns are united, a longer answer
// wins over its own beginning, and of each other field the newest change.
import type { Conversation, ToolCall, Turn } from './conversation';

const saidChars = ({ text, reasoning, calls }: Turn): number =>
    text.length + (reasoning?.length ?? 0) + (calls ?? []).reduce((sum, call) => sum + call.arguments.length, 0);

const endedWell = ({ finish }: Turn): number => Number(finish !== undefined && finish !== 'stopped' && finish !== 'error');

type Rank = (number | string)[];
// What was said, and how it ended, are chosen apart: one tab may know that it is over, the other has read more of it.
// Strings at the end make the choice the same whoever asks, and in whatever order.
const rankOfWords = (turn: Turn): Rank => [endedWell(turn), saidChars(turn), turn.run?.seen ?? -1, turn.text];
const rankOfEnd = (turn: Turn): Rank => [Number(turn.finish !== undefined), endedWell(turn), turn.finish ?? '', turn.error ?? ''];

function isBehind(left: Rank, right: Rank): boolean {
    const at = left.findIndex((value, index) => value !== right[index]);
    return at >= 0 && left[at] < right[at];
}

export function mergeTurns(a: Turn, b: Turn): Turn {
    if (a === b) return a;
    const [ahead, other] = isBehind(rankOfWords(a), rankOfWords(b)) ? [b, a] : [a, b];
    const ended = isBehind(rankOfEnd(ahead), rankOfEnd(other)) ? other : ahead;
    const { error, ...merged } = { ...ahead, ...(ended.finish === undefined ? {} : { finish: ended.finish }), error: ended.error };
    if (error !== undefined) Object.assign(merged, { error });
    if (ahead.calls) merged.calls = ahead.calls.map((call, index) => withResult(call, other.calls?.[index]));
    if (other.figures) merged.figures = { ...other.figures, ...ahead.figures };
    if (ahead.run && other.run) {
        merged.run = { ...ahead.run, id: ahead.run.id || other.run.id,
            begunMs: Math.max(ahead.run.begunMs, other.run.begunMs), keptMs: Math.max(ahead.run.keptMs, other.run.keptMs) };
    }
    return merged;
}

function withResult(call: ToolCall, other: ToolCall | undefined): ToolCall {
    if (other?.result === undefined || other.result === call.result) return call;
    return call.result === undefined || other.result < call.result ? { ...call, result: other.result } : call;
}

export const stampedFields = ['title', 'pinned', 'folder', 'trashed', 'gone', 'settings'] as const;

// The stamp of which turn is shown after another.
export const choiceStamp = (parent: string): string => `chosen ${parent}`;

export function mergeConversations(a: Conversation, b: Conversation): Conversation {
    const merged: Conversation = { ...a, changed: Math.max(a.changed, b.changed), chosen: { ...a.chosen }, stamps: { ...a.stamps } };
    const newer = (name: string, mine: unknown, other: unknown): boolean => {
        const [left, right] = [a.stamps[name] ?? 0, b.stamps[name] ?? 0];
        if (right > left) merged.stamps[name] = right;
        return right > left || (right === left && JSON.stringify(other ?? '') > JSON.stringify(mine ?? ''));
    };
    for (const field of stampedFields) if (newer(field, a[field], b[field])) Object.assign(merged, { [field]: b[field] });
    for (const [parent, turn] of Object.entries(b.chosen)) if (newer(choiceStamp(parent), a.chosen[parent], turn)) merged.chosen[parent] = turn;
    merged.gone = a.gone || b.gone;
    merged.turns = merged.gone ? [] : unite(a.turns, b.turns);
    return merged;
}

export const inOrder = (a: Turn, b: Turn): number => a.createdMs - b.createdMs || (a.id < b.id ? -1 : Number(a.id > b.id));

function unite(a: Turn[], b: Turn[]): Turn[] {
    if (!b.length || a === b) return a;
    const others = new Map(b.map((turn) => [turn.id, turn]));
    const known = a.map((turn) => {
        const other = others.get(turn.id);
        others.delete(turn.id);
        return other ? mergeTurns(turn, other) : turn;
    });
    return others.size ? [...known, ...others.values()].sort(inOrder) : known;
}
