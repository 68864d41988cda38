// Custom tools, allowed tools and the older functions, with OpenAI's own libraries, against a model that says what a script tells.
import test from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import OpenAI4 from 'openai4';
import { startScript } from './support/scripted_model.mjs';

const patch = '*** Begin Patch\n-"a"\n+{b}\n*** End Patch';
const script = [
    { user: 'patch it', say: `<|channel|>commentary<|message|>I patch.<|end|><|start|>assistant to=functions.apply_patch<|channel|>commentary<|message|>${patch}<|call|>` },
    { user: 'look', say: ' to=functions.look<|channel|>commentary <|constrain|>json<|message|>{"at":"it"}<|call|>' },
    { say: '<|channel|>final<|message|>Done.<|return|>' },
];
const tools = [
    { type: 'custom', custom: { name: 'apply_patch', description: 'Edits files.' } },
    { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } } } },
];

async function withModel(use) {
    const model = await startScript(script);
    try {
        await use(model, new OpenAI({ baseURL: model.url, apiKey: 'none', maxRetries: 0 }));
    } finally {
        await model.stop();
    }
}

test('a custom tool is called with text, whole and streamed, and its result is answered', async () => withModel(async (_, client) => {
    const request = { model: 'script', tools, messages: [{ role: 'user', content: 'patch it' }] };
    const whole = (await client.chat.completions.create(request)).choices[0];
    assert.equal(whole.finish_reason, 'tool_calls');
    assert.equal(whole.message.content, 'I patch.');
    const [call] = whole.message.tool_calls;
    assert.deepEqual({ type: call.type, custom: call.custom }, { type: 'custom', custom: { name: 'apply_patch', input: patch } });

    let content = '', input = '', name = '';
    for await (const { choices: [{ delta }] } of await client.chat.completions.create({ ...request, stream: true })) {
        content += delta.content ?? '';
        for (const piece of delta.tool_calls ?? []) {
            name += piece.custom?.name ?? '';
            input += piece.custom?.input ?? '';
        }
    }
    assert.deepEqual({ content, name, input }, { content: 'I patch.', name: 'apply_patch', input: patch });

    request.messages.push(whole.message, { role: 'tool', tool_call_id: call.id, content: 'ok' });
    assert.equal((await client.chat.completions.create(request)).choices[0].message.content, 'Done.');
}));

test('one tool, or some of them, may be called', async () => withModel(async (model, client) => {
    const request = { model: 'script', tools, messages: [{ role: 'user', content: 'look' }], max_tokens: 60 };
    const called = async (tool_choice) => (await client.chat.completions.create({ ...request, tool_choice })).choices[0].message.tool_calls?.[0];
    assert.equal((await called('auto')).function.name, 'look');
    assert.equal((await called({ type: 'custom', custom: { name: 'apply_patch' } })).custom.name, 'apply_patch');
    const only = (each) => ({ type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [each] } });
    assert.equal((await called(only({ type: 'custom', custom: { name: 'apply_patch' } }))).type, 'custom');
    assert.equal((await called(only({ type: 'function', function: { name: 'look' } }))).type, 'function');
    const prompt = async (tool_choice) => (await (await model.post('/apply-template', { ...request, tool_choice })).json()).prompt;
    assert.equal(await prompt(only({ type: 'function', function: { name: 'look' } })), await prompt('auto'));
}));

test('the older functions work with the library that still runs them', async () => withModel(async (model) => {
    const client = new OpenAI4({ baseURL: model.url, apiKey: 'none', maxRetries: 0 });
    const looked = [];
    const look = { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } }, parse: JSON.parse,
        function: (given) => { looked.push(given); return 'seen'; } };
    for (const stream of [false, true]) {
        const runner = client.beta.chat.completions.runFunctions({ model: 'script', stream, messages: [{ role: 'user', content: 'look' }], functions: [look] });
        assert.equal(await runner.finalContent(), 'Done.');
    }
    assert.deepEqual(looked, [{ at: 'it' }, { at: 'it' }]);
}));

test('what is accepted and not acted on is told in a header, and a model that is not served has its code', async () => withModel(async (_, client) => {
    const { response } = await client.chat.completions.create({ model: 'script', messages: [{ role: 'user', content: 'x' }], store: true, verbosity: 'low', user: 'u' }).withResponse();
    assert.equal(response.headers.get('x-ignored-fields'), 'store, verbosity, user');
    const streamed = await client.chat.completions.create({ model: 'script', messages: [{ role: 'user', content: 'x' }], metadata: { a: 'b' }, stream: true }).withResponse();
    assert.equal(streamed.response.headers.get('x-ignored-fields'), 'metadata');
    await assert.rejects(client.models.retrieve('gpt-9'), { status: 404, code: 'model_not_found' });
}));
