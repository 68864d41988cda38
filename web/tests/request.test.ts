import { expect, test } from 'vitest';
import { defaultSettings, newTurn } from '../src/conversation';
import { toRequest, withFiles } from '../src/request';

test('a completed call goes back with its reasoning and result', () => {
    const path = [newTurn('user', '2*3?'), { ...newTurn('assistant'), reasoning: 'Compute.', calls: [{ id: 'c', name: 'calculate', arguments: '{}', result: '6' }] }];
    expect(toRequest(path, { ...defaultSettings, instructions: 'Be short.' })).toMatchObject({ instructions: 'Be short.', input: [
        { type: 'message', role: 'user', content: '2*3?' },
        { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Compute.' }] },
        { type: 'function_call', call_id: 'c', name: 'calculate', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: '6' }] });
});

test('an answer without words is left out, and a finished one goes without its thoughts', () => {
    const path = [newTurn('user', 'a'), { ...newTurn('assistant'), finish: 'stopped' }, newTurn('user', 'b'), { ...newTurn('assistant', 'B'), reasoning: 'Hm.' }];
    expect(toRequest(path, defaultSettings).input).toEqual([{ type: 'message', role: 'user', content: 'a' }, { type: 'message', role: 'user', content: 'b' }, { type: 'message', role: 'assistant', content: 'B' }]);
});

test('tools in the form of chat completions become those of responses', () => {
    const tools = JSON.stringify([{ type: 'function', function: { name: 'f', parameters: {} } }, { type: 'function', name: 'g' }]);
    expect(toRequest([], { ...defaultSettings, tools }).tools).toEqual([{ type: 'function', name: 'f', parameters: {} }, { type: 'function', name: 'g' }]);
    expect(() => toRequest([], { ...defaultSettings, tools: '{}' })).toThrow(TypeError);
});

test('files go before the question, in a fence that they cannot close', () => {
    expect(withFiles({ text: 'What is it?', files: [{ name: 'notes.md', text: 'a\n```\nb\n```' }] })).toBe('File notes.md:\n````\na\n```\nb\n```\n````\n\nWhat is it?');
});
