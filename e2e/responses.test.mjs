// POST /v1/responses through the clients that use it: the OpenAI SDK, the Agents SDK, the AI SDK, LangChain.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { Agent, OpenAIProvider, Runner, handoff, setTracingDisabled, tool as agentTool } from '@openai/agents';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, streamText, tool as aiTool } from 'ai';
import { ChatOpenAI } from '@langchain/openai';
import { tool as chainTool } from '@langchain/core/tools';
import { z } from 'zod';
import { answer, call, startScript, tell, think } from './support/scripted_model.mjs';

const lines = [
    { user: 'What is 2+2?', say: think('An easy sum.') + answer('4') },
    { user: 'Give JSON', say: answer('{"value":1}') },
    { user: 'Rome?', say: think('I look it up.') + tell('One moment.') + call('weather', { city: 'Rome' }) },
    { user: 'Go on', say: answer('Gone on.') },
    { user: 'Ask the expert', say: think('That is for the expert.') + call('transfer_to_expert', {}) },
    { contains: 'assistant":"expert', say: answer('The expert answers.') },
    { contains: 'sunny', say: think('There it is.') + answer('It is sunny in Rome.') },
    { say: answer('I do not know.') },
];
const cityTool = { name: 'weather', description: 'The weather in a city.', parameters: z.object({ city: z.string() }) };

setTracingDisabled(true);
let node;
before(async () => { node = await startScript(lines); });
after(() => node.stop());

describe('OpenAI SDK', () => {
    const client = () => new OpenAI({ baseURL: node.url, apiKey: 'none', maxRetries: 0 });
    const weather = { type: 'function', name: 'weather', strict: true, description: 'The weather in a city.',
        parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } };

    test('answers, and streams the same', async () => {
        const whole = await client().responses.create({ model: 'any', input: 'What is 2+2?' });
        assert.equal(whole.output_text, '4');
        assert.equal(whole.status, 'completed');
        assert.deepEqual(whole.output.map((item) => item.type), ['reasoning', 'message']);
        const stream = client().responses.stream({ model: 'any', input: 'What is 2+2?' });
        let text = '';
        stream.on('response.output_text.delta', (event) => { text += event.delta; });
        const final = await stream.finalResponse();
        assert.equal(text, '4');
        assert.equal(final.output_text, '4');
    });

    test('parses what a schema promised', async () => {
        const reply = await client().responses.parse({ model: 'any', input: 'Give JSON', text: { format: zodTextFormat(z.object({ value: z.number() }), 'thing') } });
        assert.deepEqual(reply.output_parsed, { value: 1 });
    });

    test('goes on from a stored response, and forgets it when told to', async () => {
        const first = await client().responses.create({ model: 'any', input: 'Rome?', tools: [weather] });
        assert.deepEqual(first.output.map((item) => item.type), ['reasoning', 'message', 'function_call']);
        assert.equal(first.output[1].phase, 'commentary');
        const second = await client().responses.create({ model: 'any', previous_response_id: first.id, tools: [weather],
            input: [{ type: 'function_call_output', call_id: first.output[2].call_id, output: 'sunny' }] });
        assert.equal(second.output_text, 'It is sunny in Rome.');
        assert.equal((await client().responses.retrieve(second.id)).output_text, second.output_text);
        const items = await client().responses.inputItems.list(second.id);
        assert.deepEqual(items.data.map((item) => item.type), ['function_call_output']);
        await client().responses.delete(first.id);
        await assert.rejects(client().responses.retrieve(first.id), (error) => error.status === 404);
        await assert.rejects(client().responses.create({ model: 'any', previous_response_id: second.id, input: 'Go on' }),
            (error) => error.status === 400 && error.code === 'previous_response_not_found');
    });

    test('keeps a conversation', async () => {
        const conversation = await client().conversations.create({ metadata: { topic: 'sums' } });
        await client().responses.create({ model: 'any', conversation: conversation.id, input: 'What is 2+2?' });
        const reply = await client().responses.create({ model: 'any', conversation: { id: conversation.id }, input: 'Go on' });
        assert.equal(reply.output_text, 'Gone on.');
        const items = await client().conversations.items.list(conversation.id, { order: 'asc' });
        assert.deepEqual(items.data.map((item) => item.type), ['message', 'reasoning', 'message', 'message', 'message']);
        assert.equal((await client().conversations.delete(conversation.id)).deleted, true);
    });

    test('runs in the background, and a broken stream is resumed', async () => {
        const begun = await client().responses.create({ model: 'any', input: 'What is 2+2?', background: true });
        let reply = begun;
        for (let i = 0; i < 200 && reply.status === 'in_progress'; i += 1) {
            await new Promise((resolve) => { setTimeout(resolve, 20); });
            reply = await client().responses.retrieve(begun.id);
        }
        assert.equal(reply.output_text, '4');
        const events = [];
        for await (const event of await client().responses.create({ model: 'any', input: 'What is 2+2?', background: true, stream: true })) events.push(event);
        const id = events[0].response.id;
        const rest = [];
        for await (const event of await client().responses.retrieve(id, { stream: true, starting_after: 3 })) rest.push(event);
        assert.deepEqual(rest, events.slice(4));
    });

    test('counts tokens', async () => {
        const { input_tokens } = await client().responses.inputTokens.count({ model: 'any', input: 'What is 2+2?' });
        const { usage } = await client().responses.create({ model: 'any', input: 'What is 2+2?' });
        assert.equal(input_tokens, usage.input_tokens);
    });
});

describe('Agents SDK', () => {
    const runner = () => new Runner({ modelProvider: new OpenAIProvider({ baseURL: node.url, apiKey: 'none', useResponses: true }), tracingDisabled: true });
    const weather = agentTool({ ...cityTool, execute: async ({ city }) => `sunny in ${city}` });
    const agent = () => new Agent({ name: 'Guide', instructions: 'Help.', model: 'gpt-oss-120b', tools: [weather] });

    test('calls a function and answers', async () => {
        assert.equal((await runner().run(agent(), 'Rome?')).finalOutput, 'It is sunny in Rome.');
    });
    test('streams', async () => {
        const result = await runner().run(agent(), 'Rome?', { stream: true });
        let text = '';
        for await (const piece of result.toTextStream()) text += piece;
        await result.completed;
        assert.equal(result.finalOutput, 'It is sunny in Rome.');
        assert.match(text, /It is sunny in Rome\./);
    });
    test('hands over', async () => {
        const expert = new Agent({ name: 'expert', model: 'gpt-oss-120b', instructions: 'Know.' });
        const guide = new Agent({ name: 'Guide', model: 'gpt-oss-120b', instructions: 'Help.', handoffs: [handoff(expert)] });
        const result = await runner().run(guide, 'Ask the expert');
        assert.equal(result.finalOutput, 'The expert answers.');
        assert.equal(result.lastAgent.name, 'expert');
    });
    test('goes on with previous_response_id', async () => {
        const first = await runner().run(agent(), 'What is 2+2?');
        const second = await runner().run(agent(), 'Go on', { previousResponseId: first.lastResponseId });
        assert.equal(second.finalOutput, 'Gone on.');
    });
});

describe('AI SDK', () => {
    const model = () => createOpenAI({ baseURL: node.url, apiKey: 'none' })('gpt-oss-120b');
    const tools = { weather: aiTool({ description: 'The weather in a city.', inputSchema: cityTool.parameters, execute: async ({ city }) => `sunny in ${city}` }) };

    test('calls a tool, with what it thought', async () => {
        const result = await generateText({ model: model(), tools, prompt: 'Rome?', stopWhen: stepCountIs(3), providerOptions: { openai: { store: false } } });
        assert.equal(result.text, 'It is sunny in Rome.');
        assert.match(result.steps[0].reasoningText, /I look it up/);
    });
    test('streams, stored or not', async () => {
        for (const store of [true, false]) {
            const result = streamText({ model: model(), tools, prompt: 'Rome?', stopWhen: stepCountIs(3),
                providerOptions: { openai: { store, reasoningSummary: 'auto', include: ['reasoning.encrypted_content'] } } });
            let text = '';
            for await (const piece of result.textStream) text += piece;
            assert.match(text, /It is sunny in Rome\.$/);
        }
    });
});

describe('LangChain', () => {
    const model = () => new ChatOpenAI({ model: 'gpt-oss-120b', apiKey: 'none', useResponsesApi: true, configuration: { baseURL: node.url }, maxRetries: 0 });
    test('answers and streams', async () => {
        assert.equal((await model().invoke('What is 2+2?')).text, '4');
        let text = '';
        for await (const chunk of await model().stream('What is 2+2?')) text += chunk.text;
        assert.equal(text, '4');
    });
    test('calls a tool and goes on', async () => {
        const weather = chainTool(async ({ city }) => `sunny in ${city}`, { name: 'weather', description: 'The weather in a city.', schema: cityTool.parameters });
        const bound = model().bindTools([weather]);
        const question = { role: 'user', content: 'Rome?' };
        const first = await bound.invoke([question]);
        assert.equal(first.tool_calls[0].name, 'weather');
        const result = await weather.invoke(first.tool_calls[0]);
        assert.equal((await bound.invoke([question, first, result])).text, 'It is sunny in Rome.');
    });
});
