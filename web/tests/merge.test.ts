import { expect, test } from 'vitest';
import { newAnswer, newConversation, newTurn, withTurn, type Conversation, type Turn } from '../src/conversation';
import { choiceStamp, mergeConversations, mergeTurns } from '../src/merge';

const answer = (change: Partial<Turn> = {}): Turn => ({ ...newAnswer('q', 'a'), createdMs: 1, run: { id: '', seen: -1, begunMs: 1, keptMs: 1 }, ...change });
const both = (a: Turn, b: Turn): Turn => {
    const merged = mergeTurns(a, b);
    expect(mergeTurns(b, a)).toEqual(merged);
    expect(mergeTurns(merged, a)).toEqual(merged);
    expect(mergeTurns(merged, b)).toEqual(merged);
    return merged;
};

test('the longer text wins, with how far it was read', () => {
    const [short, long] = [answer({ text: 'ab', run: { id: 'r', seen: 4, begunMs: 1, keptMs: 9 } }), answer({ text: 'abcd', run: { id: '', seen: 6, begunMs: 1, keptMs: 5 } })];
    expect(both(short, long)).toMatchObject({ text: 'abcd', run: { id: 'r', seen: 6, keptMs: 9 } });
});

test('an end stays, with the longer text', () => {
    expect(both(answer({ text: 'ab', finish: 'stopped' }), answer({ text: 'abcd' }))).toMatchObject({ text: 'abcd', finish: 'stopped' });
    expect(both(answer({ text: 'abcd', finish: 'error', error: 'Lost.' }), answer({ text: 'abc', finish: 'stop' }))).toMatchObject({ text: 'abc', finish: 'stop' });
    expect(both(answer({ text: 'abcd', finish: 'error', error: 'Lost.' }), answer({ text: 'abc', finish: 'stop' })).error).toBeUndefined();
});

test('a result given in one tab is seen in the other', () => {
    const call = { id: 'c', name: 'f', arguments: '{}' };
    expect(both(answer({ finish: 'tool_calls', calls: [call, { ...call, id: 'd', result: '2' }] }), answer({ finish: 'tool_calls', calls: [{ ...call, result: '1' }, { ...call, id: 'd' }] })).calls)
        .toMatchObject([{ result: '1' }, { result: '2' }]);
});

test('turns of both tabs are there, in the order of their making', () => {
    const base = withTurn(newConversation(), { ...newTurn('user', 'q', '', 'q'), createdMs: 1 });
    const left = withTurn(base, { ...newTurn('assistant', 'l', 'q', 'l'), createdMs: 3 });
    const right = withTurn(base, { ...newTurn('assistant', 'r', 'q', 'r'), createdMs: 2 });
    expect(mergeConversations(left, right).turns.map(({ id }) => id)).toEqual(['q', 'r', 'l']);
});

test('each field keeps its newest change', () => {
    const base = newConversation();
    const left: Conversation = { ...base, title: 'old', pinned: true, stamps: { title: 1, pinned: 5, [choiceStamp('q')]: 2 }, chosen: { q: 'l' } };
    const right: Conversation = { ...base, title: 'new', stamps: { title: 2, [choiceStamp('q')]: 3 }, chosen: { q: 'r' } };
    for (const merged of [mergeConversations(left, right), mergeConversations(right, left)])
        expect(merged).toMatchObject({ title: 'new', pinned: true, chosen: { q: 'r' }, stamps: { title: 2, pinned: 5 } });
});

test('what is gone for good is brought back by no tab', () => {
    const full = withTurn(newConversation(), newTurn('user', 'q'));
    const gone: Conversation = { ...full, gone: true, turns: [], stamps: { gone: 1 } };
    for (const merged of [mergeConversations(full, gone), mergeConversations(gone, full)]) expect(merged).toMatchObject({ gone: true, turns: [] });
});

// mulberry32: the same in every run.
function randomFrom(state: number) {
    return (limit: number): number => {
        state = (state + 0x6D2B79F5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) % limit;
    };
}

test('views merged in any order become one, and lose no turn', () => {
    for (let seed = 0; seed < 300; seed++) {
        const below = randomFrom(seed);
        const id = ['x', 'y', 'z'];
        const whole = 'the whole answer';
        const view = (): Conversation => ({
            ...newConversation(undefined, 'c'), changed: below(5), title: `t${below(3)}`, pinned: below(2) === 1, stamps: { title: below(3), pinned: below(3), [choiceStamp('')]: below(3) }, chosen: { '': id[below(3)] },
            turns: id.filter(() => below(3) > 0).map((each) => {
                const finish = [undefined, undefined, 'stopped', 'error', 'stop'][below(5)];
                return { id: each, parent: '', createdMs: id.indexOf(each), role: 'assistant' as const, text: finish === 'stop' ? whole : whole.slice(0, below(8)), ...(finish ? { finish } : {}) };
            }),
        });
        const views = [view(), view(), view()];
        const [a, b, c] = views;
        const expected = mergeConversations(mergeConversations(a, b), c);
        for (const merged of [mergeConversations(a, mergeConversations(b, c)), mergeConversations(mergeConversations(c, b), a), mergeConversations(expected, b)]) expect({ seed, ...merged }).toEqual({ seed, ...expected });
        for (const turn of views.flatMap(({ turns }) => turns)) {
            const kept = expected.turns.find((other) => other.id === turn.id);
            expect(kept!.text.length).toBeGreaterThanOrEqual(turn.text.length);
        }
    }
});
