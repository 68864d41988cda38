// Custom tools whose text follows a grammar, Lark and regex, with OpenAI's library over both APIs: what the model wishes to say
// beyond the grammar cannot be said.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { startNode } from './support/node.mjs';
import { startScript } from './support/scripted_model.mjs';

const query = {
    syntax: 'lark',
    definition: [
        'start: "SELECT " columns " FROM " NAME [" LIMIT " COUNT] ";"',
        'columns: NAME (", " NAME)~0..2',
        'NAME: /[a-z]{1,12}/',
        'COUNT: /[1-9][0-9]{0,3}/',
    ].join('\n'),
    text: /^SELECT [a-z]{1,12}(, [a-z]{1,12}){0,2} FROM [a-z]{1,12}( LIMIT [1-9][0-9]{0,3})?;$/,
};
const day = { syntax: 'regex', definition: String.raw`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`, text: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/ };
const sum = {
    syntax: 'lark',
    definition: 'start: term (" + " term)~0..3\n?term: INT | "(" start ")"\nINT: /[0-9]{1,3}/',
    text: /^[0-9() +]+$/,
};

// What the model wishes to say, and what comes of it: the same text where the grammar has it.
const wishes = [
    { name: 'query', grammar: query, wish: 'SELECT city, size FROM towns LIMIT 10;', kept: true },
    { name: 'query', grammar: query, wish: 'DROP TABLE towns; --' },
    { name: 'query', grammar: query, wish: 'SELECT * FROM towns' },
    { name: 'day', grammar: day, wish: '2026-11-30', kept: true },
    { name: 'day', grammar: day, wish: '30 November' },
    { name: 'day', grammar: day, wish: '2026-13-45 or so' },
    { name: 'sum', grammar: sum, wish: '(1 + 2) + 34', kept: true },
    { name: 'sum', grammar: sum, wish: '1 plus two' },
];
const script = wishes.map(({ name, wish }) => ({ user: `${name}: ${wish}`, say: ` to=functions.${name}<|channel|>commentary<|message|>${wish}<|call|>` }));
const format = ({ syntax, definition }) => ({ type: 'grammar', syntax, definition });

const ways = {
    'chat completions': async (client, name, grammar, content) => {
        const { message, finish_reason } = (await client.chat.completions.create(chatRequest(name, grammar, content))).choices[0];
        assert.equal(finish_reason, 'tool_calls');
        return message.tool_calls[0].custom;
    },
    'chat completions, streamed': async (client, name, grammar, content) => {
        const said = { name: '', input: '' };
        for await (const chunk of await client.chat.completions.create({ ...chatRequest(name, grammar, content), stream: true })) {
            for (const { custom } of chunk.choices[0]?.delta.tool_calls ?? []) {
                said.name += custom.name ?? '';
                said.input += custom.input ?? '';
            }
        }
        return said;
    },
    responses: async (client, name, grammar, content) => called(await client.responses.create(responsesRequest(name, grammar, content))),
    'responses, streamed': async (client, name, grammar, content) => {
        const stream = client.responses.stream(responsesRequest(name, grammar, content));
        let input = '';
        stream.on('response.custom_tool_call_input.delta', (event) => { input += event.delta; });
        const call = called(await stream.finalResponse());
        assert.equal(input, call.input);
        return call;
    },
};
const called = (reply) => reply.output.find((item) => item.type === 'custom_tool_call');
const chatRequest = (name, grammar, content) => ({ model: 'any', temperature: 0, max_tokens: 400, messages: [{ role: 'user', content }], tool_choice: 'required',
    tools: [{ type: 'custom', custom: { name, description: 'Takes text.', format: { type: 'grammar', grammar: { syntax: grammar.syntax, definition: grammar.definition } } } }] });
const responsesRequest = (name, grammar, input) => ({ model: 'any', temperature: 0, max_output_tokens: 400, input, tool_choice: 'required',
    tools: [{ type: 'custom', name, description: 'Takes text.', format: format(grammar) }] });

let scripted, demo;
before(async () => {
    scripted = await startScript(script);
    demo = await startNode(['--context', '4096']);
});
after(async () => { await scripted?.stop(); await demo?.stop(); });
const clientOf = (node) => new OpenAI({ baseURL: node.url, apiKey: 'none', maxRetries: 0 });

for (const [way, ask] of Object.entries(ways)) {
    describe(way, () => {
        for (const { name, grammar, wish, kept } of wishes) {
            test(`a ${name} that would be "${wish}"`, async () => {
                const call = await ask(clientOf(scripted), name, grammar, `${name}: ${wish}`);
                assert.equal(call.name, name);
                assert.match(call.input, grammar.text);
                if (kept) assert.equal(call.input, wish);
                else assert.notEqual(call.input, wish);
            });
        }
        test('a model with weights keeps to it too', async () => {
            const call = await ask(clientOf(demo), 'day', day, 'What day is it?');
            assert.match(call.input, day.text);
        });
    });
}

test('a call that followed a grammar is answered, and the conversation goes on', async () => {
    const client = clientOf(scripted);
    const request = responsesRequest('day', day, 'day: 2026-11-30');
    const { call_id, input } = called(await client.responses.create(request));
    const items = [{ role: 'user', content: 'day: 2026-11-30' }, { type: 'custom_tool_call', call_id, name: 'day', input },
        { type: 'custom_tool_call_output', call_id, output: 'a Monday' }];
    assert.equal((await client.responses.create({ ...request, input: items, tool_choice: 'auto' })).output_text, 'Done.');
});

test('a grammar that cannot be held is refused, with its place', async () => {
    const client = clientOf(scripted);
    for (const [grammar, said] of [
        [{ syntax: 'lark', definition: 'start: "a"\n%declare INDENT' }, /line 2: %declare/],
        [{ syntax: 'lark', definition: 'start: missing' }, /line 1: "missing" is not defined/],
        [{ syntax: 'regex', definition: '(?=a)b' }, /lookahead/],
    ]) {
        await assert.rejects(client.chat.completions.create(chatRequest('t', grammar, 'x')),
            (error) => error.status === 400 && error.param === 'tools[0].custom.format.grammar.definition' && said.test(error.message));
        await assert.rejects(client.responses.create(responsesRequest('t', grammar, 'x')),
            (error) => error.status === 400 && error.param === 'tools[0].format.definition' && said.test(error.message));
    }
});
