// Vercel's AI SDK and LangChain.js against the demo model.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import { ChatOpenAI } from '@langchain/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { z } from 'zod';
import { startNode, waitFor } from './support/node.mjs';

let node;
before(async () => { node = await startNode(); });
after(() => node.stop());

const person = z.object({ name: z.string(), age: z.number().int() });
const weatherQuestion = 'What is the weather in Rome?';
const poem = 'Write a short poem about computers.';
const allStopped = () => waitFor(async () => await node.metric('gptoss_sequences_running') === 0);

describe('AI SDK', () => {
    const model = () => createOpenAICompatible({ name: 'node', baseURL: node.url, supportsStructuredOutputs: true })('demo');
    const weather = tool({ description: 'The weather in a city.', inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => `sunny in ${city}, 25 degrees` });

    test('chats', async () => {
        const reply = await generateText({ model: model(), prompt: 'What is 2+2?', temperature: 0 });
        assert.match(reply.text, /4/);
        assert.ok(reply.reasoningText.length > 0);
        assert.equal(reply.finishReason, 'stop');
        assert.ok(reply.usage.totalTokens > 0);
    });

    test('streams', async () => {
        const reply = streamText({ model: model(), prompt: 'Count to 5', temperature: 0 });
        let text = '', pieces = 0;
        for await (const piece of reply.textStream) { text += piece; pieces += 1; }
        assert.match(text, /1.*2.*3.*4.*5/s);
        assert.ok(pieces > 3);
    });

    test('calls a tool and words its result', async () => {
        for (const run of [generateText, streamText]) {
            const reply = await run({ model: model(), prompt: weatherQuestion, temperature: 0, tools: { get_weather: weather }, stopWhen: stepCountIs(3) });
            assert.match(await reply.text, /sunny|25/);
            const steps = await reply.steps;
            assert.equal(steps.length, 2);
            assert.deepEqual(steps[0].toolCalls[0].input, { city: 'Rome' });
        }
    });

    test('gives an object of a schema', async () => {
        const { object } = await generateObject({ model: model(), schema: person, prompt: 'Lea is 12 years old.', temperature: 0 });
        assert.ok(person.safeParse(object).success);
    });

    test('aborts', async () => {
        const controller = new AbortController();
        const reply = streamText({ model: model(), prompt: poem, abortSignal: controller.signal, onError: () => {} });
        for await (const part of reply.fullStream) if (part.type === 'reasoning-delta' || part.type === 'text-delta') controller.abort();
        await allStopped();
    });
});

describe('LangChain.js', () => {
    const model = (more = {}) => new ChatOpenAI({ model: 'demo', apiKey: 'none', temperature: 0, maxRetries: 0, configuration: { baseURL: node.url }, ...more });
    const weather = langchainTool(async ({ city }) => `sunny in ${city}, 25 degrees`,
        { name: 'get_weather', description: 'The weather in a city.', schema: z.object({ city: z.string() }) });

    test('chats', async () => {
        const reply = await model().invoke('What is 2+2?');
        assert.match(reply.content, /4/);
        assert.ok(reply.usage_metadata.total_tokens > 0);
    });

    test('streams', async () => {
        let text = '', pieces = 0;
        for await (const piece of await model().stream('Count to 5')) { text += piece.content; pieces += 1; }
        assert.match(text, /1.*2.*3.*4.*5/s);
        assert.ok(pieces > 3);
    });

    test('calls a tool and words its result', async () => {
        const bound = model().bindTools([weather]);
        const question = new HumanMessage(weatherQuestion);
        const first = await bound.invoke([question]);
        assert.deepEqual(first.tool_calls[0].args, { city: 'Rome' });
        const result = new ToolMessage({ tool_call_id: first.tool_calls[0].id, content: await weather.invoke(first.tool_calls[0].args) });
        assert.match((await bound.invoke([question, first, result])).content, /sunny|25/);
    });

    test('gives an object of a schema', async () => {
        const value = await model().withStructuredOutput(person, { method: 'jsonSchema', name: 'person' }).invoke('Lea is 12 years old.');
        assert.ok(person.safeParse(value).success);
    });

    test('aborts', async () => {
        const controller = new AbortController();
        await assert.rejects(async () => {
            for await (const piece of await model().stream(poem, { signal: controller.signal })) { void piece; controller.abort(); }
        });
        await allStopped();
    });
});
