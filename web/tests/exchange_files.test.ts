import { expect, test } from 'vitest';
import { newConversation, newTurn, pathOf, withTurn } from '../src/conversation';
import { fromExport, toExport, toMarkdown } from '../src/exchange_files';
import { mergeConversations } from '../src/merge';

const exported = (conversations: unknown) => JSON.stringify({ format: 'gpt-oss-node-conversations', version: 2, conversations });

function sample() {
    const question = newTurn('user', 'Hi');
    const answers = ['Hello', 'Good day'].map((text, index) => ({ ...newTurn('assistant', text, question.id), createdMs: question.createdMs + 1 + index, reasoning: 'Greet.', finish: 'stop', figures: { tokensPerSecond: 12 } }));
    return { ...[question, ...answers].reduce(withTurn, newConversation()), title: 'Greetings', folder: 'Small talk', pinned: true };
}

test('an export comes back the same, all versions, and twice is once', () => {
    const conversation = sample();
    const [back] = fromExport(toExport([conversation]));
    expect(back).toEqual(conversation);
    expect(mergeConversations(conversation, back)).toEqual(conversation);
});

test('an answer under way is not under way where its export is read', () => {
    const conversation = withTurn(newConversation(), { ...newTurn('assistant', 'Hel'), run: { id: 'resp_1', seen: 4, begunMs: 1, keptMs: 2 } });
    expect(fromExport(toExport([conversation]))[0].turns[0]).toMatchObject({ text: 'Hel', finish: 'stopped' });
    expect(fromExport(toExport([conversation]))[0].turns[0].run).toBeUndefined();
});

test('what was exported before there were versions follows in a row', () => {
    const turns = [{ id: 'a', role: 'user', text: 'Hi' }, { id: 'b', role: 'assistant', text: 'Hello', finish: 'stop' }, { id: 'c', role: 'user', text: 'Bye' }];
    const [conversation] = fromExport(exported([{ id: 'old', title: 'Old', changed: 5, turns, settings: { effort: 'low' } }]));
    expect(pathOf(conversation).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(conversation).toMatchObject({ id: 'old', settings: { effort: 'low' } });
});

test('other files are refused', () => {
    expect(() => fromExport('{"conversations":[]}')).toThrow(TypeError);
    expect(() => fromExport('null')).toThrow(TypeError);
    expect(() => fromExport('nonsense')).toThrow(SyntaxError);
});

test('hostile exports become conversations that are sound', () => {
    const odd = [null, 7, 'x', [], {}, { id: '__proto__' }, { id: 'x'.repeat(1000) }, { turns: 'no' }, { turns: [null, 3, { id: 'a', parent: 'a' }] },
        { turns: [{ id: 'a', parent: 'b' }, { id: 'b', parent: 'a' }, { id: 'a', text: 'again' }], chosen: { '': 'nowhere', __proto__: 'b', a: 5 } },
        { settings: { temperature: 'hot', effort: 'huge', constructor: 1, unknown: 2 }, stamps: { title: 'x', pinned: 1e400 }, title: 5, pinned: 'yes', changed: 'now' },
        { turns: [{ role: 'assistant', calls: [null, { id: 5 }], files: [null], figures: { a: '1' }, reasoning: {}, finish: [] }] }];
    for (const conversation of fromExport(exported(odd))) {
        expect(conversation.id).toMatch(/^[\w.-]{1,128}$/);
        expect(conversation.settings.temperature).toBe(1);
        expect(pathOf(conversation).length).toBeLessThanOrEqual(conversation.turns.length);
        expect(new Set(conversation.turns.map(({ id }) => id)).size).toBe(conversation.turns.length);
        expect(toMarkdown(conversation)).toContain('# ');
        expect(fromExport(toExport([conversation]))).toEqual([conversation]);
    }
    expect(({} as { a?: string }).a).toBeUndefined();
});
