// The official OpenAI SDK, the current major and an older one, against the demo model.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import OpenAI4 from 'openai4';
import { startNode, waitFor, weatherTool } from './support/node.mjs';

let node;
before(async () => { node = await startNode(); });
after(() => node.stop());

for (const [name, Client] of [['current', OpenAI], ['version 4', OpenAI4]]) {
    describe(`OpenAI SDK, ${name}`, () => {
        const client = () => new Client({ baseURL: node.url, apiKey: 'none', maxRetries: 0 });
        const ask = (content, more = {}) => ({ model: 'demo', temperature: 0, messages: [{ role: 'user', content }], ...more });

        test('answers with reasoning and content apart', async () => {
            const reply = await client().chat.completions.create(ask('What is 2+2?'));
            const { message, finish_reason } = reply.choices[0];
            assert.match(message.content, /4/);
            assert.ok(message.reasoning.length > 0);
            assert.equal(message.reasoning, message.reasoning_content);
            assert.doesNotMatch(message.content, /<\|/);
            assert.equal(finish_reason, 'stop');
            assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
            assert.ok(reply.usage.completion_tokens_details.reasoning_tokens > 0);
        });

        test('streams the same answer', async () => {
            const whole = await client().chat.completions.create(ask('Count to 5'));
            const stream = await client().chat.completions.create(
                ask('Count to 5', { stream: true, stream_options: { include_usage: true } }));
            let content = '', reasoning = '', chunks = 0, usage = null;
            const finishes = [];
            for await (const chunk of stream) {
                chunks += 1;
                usage = chunk.usage ?? usage;
                for (const choice of chunk.choices) {
                    content += choice.delta.content ?? '';
                    reasoning += choice.delta.reasoning ?? '';
                    if (choice.finish_reason) finishes.push(choice.finish_reason);
                }
            }
            assert.equal(content, whole.choices[0].message.content);
            assert.equal(reasoning, whole.choices[0].message.reasoning);
            assert.deepEqual(finishes, ['stop']);
            assert.ok(chunks > 8);
            assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
        });

        test('completes a tool call round trip', async () => {
            const request = ask('What is the weather in Rome?', { tools: [weatherTool] });
            const first = await client().chat.completions.create(request);
            const { message, finish_reason } = first.choices[0];
            assert.equal(finish_reason, 'tool_calls');
            assert.equal(message.content, null);
            const [call] = message.tool_calls;
            assert.equal(call.function.name, 'get_weather');
            assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Rome' });

            // As agents send it back: the calls, the reasoning, no content key.
            const second = await client().chat.completions.create({ ...request, messages: [...request.messages,
                { role: 'assistant', reasoning: message.reasoning, tool_calls: message.tool_calls },
                { role: 'tool', tool_call_id: call.id, content: 'sunny, 25 degrees' }] });
            assert.equal(second.choices[0].finish_reason, 'stop');
            assert.match(second.choices[0].message.content, /sunny|25/);
            assert.ok(second.usage.prompt_tokens_details.cached_tokens > 0);
        });

        test('streams a tool call with id and name said once', async () => {
            const stream = await client().chat.completions.create(
                ask('What is the weather in Rome?', { tools: [weatherTool], stream: true }));
            const said = { id: 0, type: 0, name: 0 };
            let argumentText = '', finish = null;
            for await (const chunk of stream) {
                for (const call of chunk.choices[0].delta.tool_calls ?? []) {
                    said.id += call.id !== undefined;
                    said.type += call.type !== undefined;
                    said.name += call.function.name !== undefined;
                    argumentText += call.function.arguments;
                }
                finish = chunk.choices[0].finish_reason ?? finish;
            }
            assert.deepEqual(said, { id: 1, type: 1, name: 1 });
            assert.deepEqual(JSON.parse(argumentText), { city: 'Rome' });
            assert.equal(finish, 'tool_calls');
        });

        test('obeys tool_choice', async () => {
            const weather = ask('What is the weather in Rome?', { tools: [weatherTool], max_tokens: 400 });
            const none = await client().chat.completions.create({ ...weather, tool_choice: 'none' });
            assert.equal(none.choices[0].message.tool_calls, undefined);
            const named = await client().chat.completions.create({ ...weather, messages: [{ role: 'user', content: 'What is 2+2?' }],
                max_reasoning_tokens: 64, // the question begs for an answer, and an answer may not come
                tool_choice: { type: 'function', function: { name: 'get_weather' } } });
            const [call] = named.choices[0].message.tool_calls;
            assert.equal(call.function.name, 'get_weather');
            assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
        });

        test('gives JSON that fits the schema', async () => {
            const schema = { type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } },
                required: ['name', 'age'], additionalProperties: false };
            const reply = await client().chat.completions.create(ask('Lea is 12 years old.', { max_tokens: 400,
                response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } } }));
            const value = JSON.parse(reply.choices[0].message.content);
            assert.deepEqual(Object.keys(value).sort(), ['age', 'name']);
            assert.equal(typeof value.name, 'string');
            assert.ok(Number.isInteger(value.age));
        });

        test('aborts', async () => {
            const controller = new AbortController();
            const before = await node.metric('gptoss_generations_total{reason="cancelled"}');
            const stream = await client().chat.completions.create(
                ask('Write a short poem about computers.', { stream: true, n: 4 }), { signal: controller.signal });
            try {
                for await (const chunk of stream) if (chunk.choices[0]?.delta.reasoning) controller.abort();
            } catch (problem) {
                assert.match(String(problem), /abort/i);
            }
            await waitFor(async () => await node.metric('gptoss_generations_total{reason="cancelled"}') > before);
            await waitFor(async () => await node.metric('gptoss_sequences_running') === 0);
        });

        test('gives errors as the SDK knows them', async () => {
            await assert.rejects(client().chat.completions.create(ask('Hi', { temperature: 'hot' })),
                (error) => error.status === 400 && error.param === 'temperature' && error instanceof Client.BadRequestError);
            await assert.rejects(client().models.retrieve('absent'), (error) => error.status === 404);
        });

        test('lists models and completes text', async () => {
            const models = await client().models.list();
            assert.equal(models.data.length, 1);
            assert.ok(models.data[0].context_length >= 4096);
            assert.equal((await client().models.retrieve(models.data[0].id)).id, models.data[0].id);
            const reply = await client().completions.create({ model: 'demo', prompt: 'One two three', max_tokens: 5, temperature: 0, echo: true });
            assert.ok(reply.choices[0].text.startsWith('One two three'));
        });
    });
}
