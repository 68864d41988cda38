// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { messagesOf } from '../src/mcp';

test('a reply is one message, several, or an event stream', () => {
    expect(messagesOf('{"id":1,"result":{}}', 'application/json')).toEqual([{ id: 1, result: {} }]);
    expect(messagesOf('[{"id":1},{"id":2}]', 'application/json')).toHaveLength(2);
    expect(messagesOf('event: message\nid: 7\ndata: {"id":1,"result":{"a":1}}\n\ndata: {"id":2}\n\n', 'text/event-stream; charset=utf-8')).toEqual([{ id: 1, result: { a: 1 } }, { id: 2 }]);
    expect(messagesOf('data: \n\ndata: {"id":3}', 'text/event-stream')).toEqual([{ id: 3 }]);
});

test('what is no JSON is told in words', () => {
    for (const [text, type] of [['<h1>', 'application/json'], ['data: {', 'text/event-stream']]) expect(() => messagesOf(text, type)).toThrow(/no JSON/);
});
