// POST /v1/messages through Anthropic's own SDK.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { answer, call, startScript, tell, think } from './support/scripted_model.mjs';

let node;
before(async () => {
    node = await startScript([
        { user: 'What is 2+2?', say: think('An easy sum.') + answer('4') },
        { user: 'Rome?', say: think('I look it up.') + tell('One moment.') + call('weather', { city: 'Rome' }) },
        { contains: 'sunny', say: answer('It is sunny in Rome.') },
    ]);
});
after(() => node.stop());

const client = () => new Anthropic({ baseURL: node.origin, apiKey: 'none', maxRetries: 0 });
const tools = [{ name: 'weather', description: 'The weather.', input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }];
const ask = (content, more = {}) => ({ model: 'claude-opus-4', max_tokens: 1000, messages: [{ role: 'user', content }], ...more });

test('answers, whole and streamed', async () => {
    const whole = await client().messages.create(ask('What is 2+2?'));
    assert.deepEqual(whole.content, [{ type: 'text', text: '4' }]);
    assert.equal(whole.stop_reason, 'end_turn');
    const stream = client().messages.stream(ask('What is 2+2?', { thinking: { type: 'enabled', budget_tokens: 1024 } }));
    const events = [];
    stream.on('streamEvent', (event) => events.push(event.type));
    const final = await stream.finalMessage();
    assert.deepEqual(final.content.map((block) => block.type), ['thinking', 'text']);
    assert.equal(final.content[0].thinking, 'An easy sum.');
    assert.ok(final.content[0].signature.length > 20);
    assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
    assert.equal(events[0], 'message_start');
    assert.equal(events.at(-1), 'message_stop');
});

test('uses a tool and reads its result', async () => {
    const first = await client().messages.create(ask('Rome?', { tools, thinking: { type: 'enabled', budget_tokens: 1024 } }));
    assert.equal(first.stop_reason, 'tool_use');
    const use = first.content.at(-1);
    assert.deepEqual(use.input, { city: 'Rome' });
    const second = await client().messages.create(ask('', { tools, messages: [
        { role: 'user', content: 'Rome?' }, { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: [{ type: 'text', text: 'sunny' }] }] }] }));
    assert.equal(second.content[0].text, 'It is sunny in Rome.');
    assert.ok(second.usage.cache_read_input_tokens > second.usage.input_tokens);
});

test('counts tokens, lists the model, and says errors as Anthropic does', async () => {
    const { input_tokens } = await client().messages.countTokens({ model: 'any', messages: [{ role: 'user', content: 'What is 2+2?' }] });
    const { usage } = await client().messages.create(ask('What is 2+2?'));
    assert.equal(input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
    const models = await client().models.list();
    assert.equal(models.data[0].type, 'model');
    assert.ok(models.data[0].display_name);
    await assert.rejects(client().messages.create(ask('x', { tools: [{ name: 'not a name', input_schema: { type: 'object' } }] })),
        (error) => error.status === 400 && error.error.error.type === 'invalid_request_error' && /tools\.0\.name/.test(error.message));
    await assert.rejects(client().models.retrieve('nothing'),
        (error) => error.status === 404 && error.error.error.type === 'not_found_error' && error.requestID.startsWith('req'));
    assert.ok((await client().messages.create(ask('What is 2+2?')))._request_id);
});
