// Small requests after public reports of other servers, each with the right answer: cases/*.json, and below what takes several steps.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { startNode, weatherTool } from './support/node.mjs';
import { startScript } from './support/scripted_model.mjs';

let demo;
before(async () => { demo = await startNode(['--context', '8192']); });
after(async () => { await demo?.stop(); });

const at = (body, path) => path.split('.').reduce((value, key) => value?.[key], body);

async function check(reply, body, wanted) {
    if (wanted.expect_or_status === reply.status) return;
    assert.equal(reply.status, wanted.expect_status ?? 200, JSON.stringify(body));
    for (const [path, value] of Object.entries(wanted.expect ?? {})) assert.deepEqual(at(body, path), value, path);
    for (const part of wanted.expect_in_prompt ?? []) assert.ok(body.prompt.includes(part), part);
    const order = (wanted.expect_order_in_prompt ?? []).map((part) => body.prompt.indexOf(part));
    assert.ok(!order.includes(-1), `all of ${wanted.expect_order_in_prompt} are there`);
    assert.deepEqual(order, order.toSorted((a, b) => a - b));
}

const folder = new URL('cases/', import.meta.url);
for (const file of fs.readdirSync(folder).sort()) {
    test(file.replace('.json', '').replaceAll('_', ' '), async () => {
        const wanted = JSON.parse(fs.readFileSync(new URL(file, folder), 'utf8'));
        const model = wanted.node === 'scripted' ? await startScript(wanted.script) : demo;
        try {
            const reply = await model.post(wanted.path, wanted.request);
            await check(reply, await reply.json(), wanted);
        } finally {
            if (model !== demo) await model.stop();
        }
    });
}

test('a call whose arguments were written anew brings back what was thought, and the cached prefix', async () => {
    const ask = async (path, body) => (await demo.post(path, { temperature: 0, tools: [weatherTool], ...body })).json();
    const messages = [{ role: 'user', content: 'What is the weather in Paris?' }];
    const { message } = (await ask('/v1/chat/completions', { messages, tool_choice: 'required', max_tokens: 200 })).choices[0];
    const [call] = message.tool_calls;
    const told = JSON.parse(call.function.arguments);
    const spellings = [call.function.arguments, JSON.stringify(told, null, 2), call.function.arguments.replace('P', '\\u0050'),
        JSON.stringify(Object.fromEntries(Object.entries(told).reverse())), told];
    for (const written of spellings) {
        const again = { messages: [...messages,
            { role: 'assistant', content: null, tool_calls: [{ ...call, function: { name: call.function.name, arguments: written } }] },
            { role: 'tool', tool_call_id: call.id, content: 'sunny, 25' }] };
        const { prompt } = await ask('/apply-template', again);
        assert.ok(prompt.includes(message.reasoning), JSON.stringify(written));
        const { usage } = await ask('/v1/chat/completions', { ...again, max_tokens: 1 });
        assert.ok(usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens < 32, JSON.stringify(usage));
    }
});

test('calls of one reply that come back one by one are thought and announced once', async () => {
    const model = await startScript([{ user: 'two', say: '<|channel|>analysis<|message|>UNIQUE THOUGHT.<|end|>' +
        '<|start|>assistant<|channel|>commentary<|message|>UNIQUE PREAMBLE<|end|>' +
        '<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"x":1}<|call|>' +
        '<|start|>assistant<|channel|>commentary to=functions.g <|constrain|>json<|message|>{"x":2}<|call|><|return|>' }]);
    try {
        const tools = ['f', 'g', 'h'].map((name) => ({ type: 'function', function: { name } }));
        const user = { role: 'user', content: 'two' };
        const { message } = (await model.chat({ messages: [user], tools, parallel_tool_calls: true })).choices[0];
        const calls = message.tool_calls;
        assert.equal(calls.length, 2);
        const result = (call) => ({ role: 'tool', tool_call_id: call.id, content: 'r' });
        const ways = {
            together: [{ role: 'assistant', content: null, tool_calls: calls }, ...calls.map(result)],
            'one by one': calls.flatMap((call) => [{ role: 'assistant', content: null, tool_calls: [call] }, result(call)]),
            'one by one, results later': [...calls.map((call) => ({ role: 'assistant', tool_calls: [call] })), ...calls.map(result)],
            'each with all that was said': calls.flatMap((call) => [{ role: 'assistant', content: message.content, reasoning: message.reasoning, tool_calls: [call] }, result(call)]),
            'a part of what was said': calls.flatMap((call) => [{ role: 'assistant', content: 'PREAMBLE', reasoning: '.', tool_calls: [call] }, result(call)]),
        };
        for (const [way, messages] of Object.entries(ways)) {
            const { prompt } = await (await model.post('/apply-template', { messages: [user, ...messages], tools })).json();
            for (const once of ['UNIQUE THOUGHT', 'UNIQUE PREAMBLE', '{"x":1}', '{"x":2}'])
                assert.equal(prompt.split(once).length - 1, 1, `${way}: ${once}`);
        }
    } finally {
        await model.stop();
    }
});
