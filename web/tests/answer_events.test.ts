import { expect, test } from 'vitest';
import { AnswerReader } from '../src/answer_events';
import { newAnswer, type Run, type Turn } from '../src/conversation';
import { EventLines, type ResponseEvent } from '../src/responses_api';

const event = (number: number, type: string, rest: object = {}) => ({ sequence_number: number, type: `response.${type}`, ...rest }) as ResponseEvent;
const usage = { input_tokens: 9, input_tokens_details: { cached_tokens: 4 }, output_tokens: 5, output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 14 };
const ending = (number: number, type: string, status: string, rest: object = {}) => event(number, type, { response: { status, output: [], error: null, incomplete_details: null, usage, ...rest } });
const fresh = () => newAnswer('q') as Turn & { run: Run };

const whole = [event(0, 'created'), event(1, 'reasoning_text.delta', { delta: 'Hm' }), event(2, 'reasoning_summary_text.delta', { delta: 'Hm' }), event(3, 'reasoning_text.delta', { delta: '.' }),
    event(4, 'reasoning_summary_text.delta', { delta: '.' }), event(5, 'output_text.delta', { delta: 'One ' }), event(6, 'output_item.added', { item: { type: 'function_call', call_id: 'c', name: 'f' } }),
    event(7, 'function_call_arguments.delta', { delta: '{"a"' }), event(8, 'function_call_arguments.delta', { delta: ':1}' }),
    ending(9, 'completed', 'completed', { output: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: '{"a":1}' }] })];

test('events come whole out of any pieces', () => {
    const text = 'data: {"a":1}\n\n: keep-alive\n\ndata: [DONE]\n\n';
    for (let size = 1; size < text.length; size++) {
        const lines = new EventLines();
        const seen: string[] = [];
        for (let at = 0; at < text.length; at += size) seen.push(...lines.push(text.slice(at, at + size)));
        expect(seen).toEqual(['{"a":1}', '[DONE]']);
    }
});

test('broken off anywhere and resumed, an answer is the same', () => {
    for (let at = 0; at < whole.length; at++) {
        let reader = new AnswerReader(fresh(), true);
        for (const each of whole.slice(0, at)) reader.take(each, 1000);
        reader = new AnswerReader(structuredClone(reader.turn), false);
        // Resumed a little too early, and with the last event again as a sign of life.
        for (const each of whole.slice(Math.max(0, at - 2))) { reader.take(each, 2000); reader.take(each, 2000); }
        expect(reader.turn).toMatchObject({ reasoning: 'Hm.', text: 'One ', calls: [{ id: 'c', name: 'f', arguments: '{"a":1}' }], finish: 'tool_calls',
            figures: { promptTokens: 9, cachedTokens: 4, completionTokens: 5, reasoningTokens: 2 }, run: { seen: 9 } });
    }
});

test('a node that tells its reasoning only as a summary is understood', () => {
    const reader = new AnswerReader(fresh(), true);
    for (const each of [event(0, 'reasoning_summary_text.delta', { delta: 'Well' }), event(1, 'reasoning_summary_text.delta', { delta: '.' })]) reader.take(each, 0);
    expect(reader.turn.reasoning).toBe('Well.');
});

test('how an answer ended is told', () => {
    const end = (last: ResponseEvent) => {
        const reader = new AnswerReader({ ...fresh(), text: 'kept', run: { id: 'r', seen: 40, begunMs: 0, keptMs: 0 } }, false);
        reader.take(last, 0);
        return reader.turn;
    };
    expect(end(ending(41, 'incomplete', 'incomplete', { incomplete_details: { reason: 'max_output_tokens' } }))).toMatchObject({ finish: 'length', text: 'kept' });
    expect(end(ending(41, 'incomplete', 'cancelled', { incomplete_details: { reason: 'cancelled' } })).error).toMatch(/shut down/);
    // After the node was killed the stored end has the number 0.
    expect(end(ending(0, 'failed', 'failed', { error: { code: 'server_error', message: 'The node stopped.' } }))).toMatchObject({ finish: 'error', error: 'The node stopped.', text: 'kept' });
});
