// Every event and object of the Responses API and of Anthropic's Messages API has what its schema requires, and what clients
// fail without, however it comes: whole, streamed, over a WebSocket, from the store.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { openResponses } from './support/responses_socket.mjs';
import { Shapes, readData, readEvents, valuesAt } from './support/shapes.mjs';
import { answer, call, startScript, tell, think } from './support/scripted_model.mjs';

const open = new Shapes('open_responses.json');
const anthropic = new Shapes('anthropic_messages.json');
const needs = readData('client_needs.json');
const raw = (name, text) => ` to=functions.${name}<|channel|>commentary<|message|>${text}<|call|>`;
const lines = [
    { user: 'Call', say: think('I look it up.') + tell('One moment.') + call('weather', { city: 'Rome' }) },
    { user: 'Write', say: think('I write.') + raw('note', 'hello') },
    { user: 'Wait', say: think('I wait.') + call('others__wait', { city: 'Rome' }) },
    { say: think('An easy sum.') + answer('It is four, as always.') },
];
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { type: 'function', name: 'weather', parameters };
const tools = [weather, { type: 'custom', name: 'note' }, { type: 'namespace', name: 'others', description: 'They.', tools: [{ ...weather, name: 'wait' }] }];
const requests = {
    'a thought and an answer': { input: 'Sum', include: ['message.output_text.logprobs', 'reasoning.encrypted_content'], top_logprobs: 2 },
    'a preamble and a call': { input: 'Call', tools, parallel_tool_calls: true, reasoning: { effort: 'low', summary: 'auto' } },
    "a custom tool's call": { input: 'Write', tools },
    "a namespace's call": { input: 'Wait', tools },
    'an answer that is cut off': { input: 'Sum', max_output_tokens: 12 },
    'an answer of a schema': { input: 'Sum', text: { format: { type: 'json_schema', name: 'any', schema: {} } }, instructions: 'Sum.', metadata: { a: 'b' } },
};

let node;
before(async () => { node = await startScript(lines); });
after(() => node.stop());

const good = (value, wanted) => assert.deepEqual(open.problems(value, wanted), []);
async function ask(where, body, method = body === undefined ? 'GET' : 'POST') {
    const reply = await fetch(`${node.url}${where}`, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    return reply.json();
}
const stream = async (body) => readEvents(await (await node.post('/v1/responses', { model: 'any', stream: true, ...body })).text());

function checkStream(events) {
    for (const event of events) assert.deepEqual(open.problemsOfEvent(event), []);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
    assert.deepEqual(events.slice(0, 2).map((event) => event.type), ['response.created', 'response.in_progress']);
    assert.match(events.at(-1).type, /^response\.(completed|incomplete|failed)$/);
    assert.equal(events.filter((event) => /^response\.(completed|incomplete|failed)$/.test(event.type)).length, 1);
    // What was told piece by piece is what the end tells.
    const { output } = events.at(-1).response;
    assert.deepEqual(events.filter((event) => event.type === 'response.output_item.done').map((event) => event.item), output);
    const pieces = (type) => events.filter((event) => event.type === type).map((event) => event.delta).join('');
    const texts = (type) => output.filter((item) => item.type === type).flatMap((item) => item.content).map((part) => part.text).join('');
    assert.equal(pieces('response.output_text.delta'), texts('message'));
    assert.equal(pieces('response.reasoning_text.delta'), texts('reasoning'));
    assert.equal(pieces('response.reasoning_summary_text.delta'), texts('reasoning'));
    assert.equal(pieces('response.function_call_arguments.delta'), output.map((item) => item.arguments ?? '').join(''));
    assert.equal(pieces('response.custom_tool_call_input.delta'), output.map((item) => item.input ?? '').join(''));
}

describe('Responses', () => {
    for (const [name, body] of Object.entries(requests)) {
        test(name, async () => {
            const events = await stream(body);
            checkStream(events);
            good(await ask('/responses', { model: 'any', ...body }), 'response');
        });
    }

    test('every event was seen, and each of its fields is missed when it is left out', async () => {
        const events = (await Promise.all(Object.values(requests).map(stream))).flat();
        const seen = new Map(events.map((event) => [event.type, event]));
        assert.deepEqual(Object.keys(open.events).filter((type) => !seen.has(type)), ['response.failed']);
        for (const event of seen.values()) {
            for (const field of Object.keys(open.events[event.type])) {
                const { [field]: left, ...rest } = event;
                assert.equal(open.problemsOfEvent(rest).length, 1, `${event.type}.${field}: ${JSON.stringify(left)}`);
            }
        }
        const { response } = seen.get('response.completed');
        for (const field of Object.keys(open.shapes.response)) {
            const { [field]: left, ...rest } = response;
            assert.equal(open.problems(rest, 'response').length, 1, `${field}: ${JSON.stringify(left)}`);
        }
    });

    test('what each client needs is there', async () => {
        const events = [...await stream(requests['a preamble and a call']), ...await stream(requests['a thought and an answer'])];
        for (const { event: type, path: where, clients } of needs.responses) {
            const found = events.filter((event) => event.type === type);
            assert.ok(found.length >= 2, `${type}: ${clients}`);
            for (const event of found) assert.ok(valuesAt(event, where).every((value) => value !== undefined && value !== null), `${type} ${where}: ${clients}`);
        }
        const items = events.filter((event) => event.type === 'response.completed').flatMap((event) => event.response.output);
        for (const { item: type, path: where, clients } of needs.items) {
            const found = items.filter((item) => item.type === type);
            assert.ok(found.length > 0, type);
            for (const item of found) assert.ok(valuesAt(item, where).every((value) => value !== undefined && value !== null), `${type} ${where}: ${clients}`);
        }
        // LangChain reads logprobs, and a namespace's call needs both of its names.
        assert.ok(events.some((event) => event.logprobs?.[0]?.top_logprobs.length === 2));
        const wait = (await stream(requests["a namespace's call"])).at(-1).response.output.at(-1);
        assert.deepEqual([wait.namespace, wait.name], ['others', 'wait']);
    });

    test('over a WebSocket', async () => {
        const socket = await openResponses(node.url);
        for (const body of Object.values(requests)) {
            const events = [];
            await socket.ask({ model: 'any', ...body }, (event) => events.push(event));
            checkStream(events);
        }
        const refused = await socket.ask({ model: 'any', input: 'Sum', previous_response_id: 'resp_none' });
        assert.equal(refused.status, 400);
        good(refused.error, 'refusal');
        socket.close();
    });

    test('from the store', async () => {
        const first = await ask('/responses', { model: 'any', ...requests['a preamble and a call'] });
        good(await ask(`/responses/${first.id}`), 'response');
        good(await ask(`/responses/${first.id}/input_items`), 'list');
        good(await ask('/responses/input_tokens', { model: 'any', input: 'Sum' }), 'count');
        good(await ask('/responses/compact', { model: 'any', input: 'Sum' }), 'compaction');
        good(await ask(`/responses/${first.id}`, undefined, 'DELETE'), 'deleted');
        const conversation = await ask('/conversations', { metadata: { a: 'b' } });
        good(conversation, 'conversation');
        await ask('/responses', { model: 'any', input: 'Sum', conversation: conversation.id });
        const added = await ask(`/conversations/${conversation.id}/items`, { items: [{ role: 'user', content: 'Add this.' }] });
        good(added, 'list');
        good(await ask(`/conversations/${conversation.id}/items/${added.data[0].id}`), 'item');
        good(await ask(`/conversations/${conversation.id}/items?order=asc`), 'list');
        good(await ask(`/conversations/${conversation.id}`, undefined, 'DELETE'), 'deleted');
        for (const [where, body] of [['/responses/none'], ['/responses', { input: 7 }], ['/conversations/none/items']]) {
            const { error } = await ask(where, body);
            assert.deepEqual([typeof error.message, typeof error.type, 'param' in error, 'code' in error], ['string', 'string', true, true]);
        }
    });

    test('one that failed', async () => {
        const kept = ['--responses-path', path.join(node.folder, 'kept.sqlite')];
        const slow = await startScript(lines, ['--step-ms', '200', ...kept]);
        const begun = await (await slow.post('/v1/responses', { model: 'any', input: 'Sum', background: true })).json();
        good(begun, 'response');
        await slow.stop('SIGKILL');
        const again = await startScript(lines, kept);
        const events = readEvents(await (await fetch(`${again.url}/responses/${begun.id}?stream=true`)).text());
        assert.deepEqual(events.map((event) => event.type), ['response.failed']);
        assert.deepEqual(open.problemsOfEvent(events[0]), []);
        good(events[0].response.error, 'failure');
        await again.stop();
    });
});

describe('Messages', () => {
    const claude = (content, more) => ({ model: 'any', max_tokens: 1000, thinking: { type: 'enabled', budget_tokens: 1000 },
        messages: [{ role: 'user', content }], tools: [{ name: 'weather', input_schema: parameters }], ...more });

    test('whole and streamed', async () => {
        const events = [];
        for (const more of [{}, { max_tokens: 12 }, { stop_sequences: ['four'] }]) {
            for (const content of ['Sum', 'Call']) {
                const whole = await (await node.post('/v1/messages', claude(content, more))).json();
                assert.deepEqual(anthropic.problems(whole, 'message'), []);
                const streamed = readEvents(await (await node.post('/v1/messages', claude(content, { ...more, stream: true }))).text());
                for (const event of streamed) assert.deepEqual(anthropic.problemsOfEvent(event), []);
                assert.deepEqual([streamed[0].type, streamed.at(-1).type], ['message_start', 'message_stop']);
                events.push(...streamed);
            }
        }
        const seen = new Set(events.map((event) => event.type));
        assert.deepEqual(Object.keys(anthropic.events).filter((type) => !seen.has(type)), []);
        assert.equal(new Set(events.map((event) => event.delta?.type).filter(Boolean)).size, 4);
        for (const { event: type, path: where, clients } of needs.messages) {
            for (const event of events.filter((each) => each.type === type))
                assert.ok(valuesAt(event, where).every((value) => value !== undefined && value !== null), `${type} ${where}: ${clients}`);
        }
    });

    test('errors', async () => {
        for (const body of [{}, claude('x', { messages: [] }), claude('x', { tool_choice: { type: 'tool', name: 'none' } })])
            assert.deepEqual(anthropic.problems(await (await node.post('/v1/messages', body)).json(), 'problem'), []);
    });
});
