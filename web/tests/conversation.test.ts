import { expect, test } from 'vitest';
import { EventLines } from '../src/api';
import { calculate } from '../src/builtin_tools';
import { fromExport, newConversation, newTurn, toExport, toRequest, withFiles } from '../src/conversation';

test('events come whole out of any pieces', () => {
    const text = 'data: {"a":1}\n\n: keep-alive\n\ndata: [DONE]\n\n';
    for (let size = 1; size < text.length; size++) {
        const lines = new EventLines();
        const seen: string[] = [];
        for (let at = 0; at < text.length; at += size) seen.push(...lines.push(text.slice(at, at + size)));
        expect(seen).toEqual(['{"a":1}', '[DONE]']);
    }
});

test('an export comes back the same, and other files are refused', () => {
    const conversation = newConversation();
    conversation.turns = [newTurn('user', 'Hi'), { ...newTurn('assistant', 'Hello'), reasoning: 'Greet.', figures: { tokensPerSecond: 12 } }];
    const [back] = fromExport(toExport([conversation]));
    const bare = (turns: typeof back.turns) => turns.map(({ id, ...rest }) => { void id; return rest; });
    expect(bare(back.turns)).toEqual(bare(conversation.turns));
    expect(() => fromExport('{"conversations":[]}')).toThrow(TypeError);
    expect(() => fromExport('nonsense')).toThrow(SyntaxError);
});

test('a completed call goes back with its reasoning and result', () => {
    const conversation = newConversation();
    conversation.settings.instructions = 'Be short.';
    conversation.turns = [newTurn('user', '2*3?'), { ...newTurn('assistant'), reasoning: 'Compute.', calls: [{ id: 'c', name: 'calculate', arguments: '{}', result: '6' }] }];
    expect(toRequest(conversation).messages).toEqual([
        { role: 'developer', content: 'Be short.' }, { role: 'user', content: '2*3?' },
        { role: 'assistant', content: '', reasoning: 'Compute.', tool_calls: [{ id: 'c', type: 'function', function: { name: 'calculate', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'c', content: '6' }]);
});

test('the calculator computes and refuses what is not arithmetic', () => {
    expect(calculate('2+3*(4-1)/-3')).toBe(-1);
    for (const text of ['', '2+', '(1', 'alert(1)', '1 2']) expect(() => calculate(text)).toThrow();
});

test('files go before the question, in a fence that they cannot close', () => {
    const turn = { ...newTurn('user', 'What is it?'), files: [{ name: 'notes.md', text: 'a\n```\nb\n```' }] };
    expect(withFiles(turn)).toBe('File notes.md:\n````\na\n```\nb\n```\n````\n\nWhat is it?');
});
