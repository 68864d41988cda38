// Forty turns of an agent with long instructions, a dozen tools and long results: each turn computes what is new and next to
// nothing of its history, however the history comes: sent again, by previous_response_id, over a WebSocket, or as Anthropic's messages.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { openResponses } from './support/responses_socket.mjs';
import { call, startScript, think } from './support/scripted_model.mjs';

const turns = 40;
const names = Array.from({ length: 12 }, (_, i) => `tool_${i}`);
const words = 'alpha beta gamma delta river stone cloud paper night green table seven window music'.split(' ');
const prose = (count, seed) => Array.from({ length: count }, (_, i) => words[(i * 7 + i * i * seed) % words.length]).join(' ');
const instructions = `You are an agent. ${prose(3000, 1)}`;
const results = Array.from({ length: turns }, (_, i) => `result-${i}. ${prose(400 + (i * 37) % 400, i + 2)}`);
const schema = { type: 'object', properties: { path: { type: 'string' }, limit: { type: 'number' } }, required: ['path'] };

let node;
before(async () => {
    const lines = results.map((_, i) => ({ contains: `result-${i}.`, say: think(`Turn ${i + 1}.`) + call(names[(i + 1) % 12], { path: `file-${i + 1}` }) }));
    node = await startScript([...lines, { say: think('Begin.') + call(names[0], { path: 'file-0' }) }]);
});
after(() => node.stop());

// Every turn must find at least 95 % of what the turn before it read and said.
function check(usages) {
    assert.equal(usages.length, turns);
    assert.ok(usages.at(-1).prompt > 30_000, `the history is long: ${usages.at(-1).prompt} tokens`);
    for (let i = 1; i < turns; i += 1) {
        const history = usages[i - 1].prompt + usages[i - 1].output;
        assert.ok(usages[i].cached >= 0.95 * history, `turn ${i}: ${usages[i].cached} of ${history} tokens came from the cache`);
    }
}

async function post(path, body) {
    const response = await node.post(path, body);
    const json = await response.json();
    assert.equal(response.status, 200, JSON.stringify(json).slice(0, 500));
    return json;
}

const tools = names.map((name) => ({ type: 'function', name, description: `Does ${name}.`, strict: false, parameters: schema }));
const ofResponse = (usage) => ({ prompt: usage.input_tokens, cached: usage.input_tokens_details.cached_tokens, output: usage.output_tokens });

test('the history is sent again', async () => {
    const input = [{ role: 'developer', content: instructions }, { role: 'user', content: 'Go.' }];
    const usages = [];
    for (const result of results) {
        const reply = await post('/v1/responses', { model: 'any', input, tools, store: false, include: ['reasoning.encrypted_content'] });
        usages.push(ofResponse(reply.usage));
        input.push(...reply.output, { type: 'function_call_output', call_id: reply.output.at(-1).call_id, output: result });
    }
    check(usages);
});

test('by previous_response_id', async () => {
    let input = [{ role: 'user', content: 'Go on.' }];
    let previous = null;
    const usages = [];
    for (const result of results) {
        const reply = await post('/v1/responses', { model: 'any', instructions, input, tools, previous_response_id: previous });
        usages.push(ofResponse(reply.usage));
        previous = reply.id;
        input = [{ type: 'function_call_output', call_id: reply.output.at(-1).call_id, output: result }];
    }
    check(usages);
});

test('over a WebSocket, where nothing is stored', async () => {
    const socket = await openResponses(node.url);
    let input = [{ role: 'user', content: 'Go further.' }];
    let previous = null;
    const usages = [];
    for (const result of results) {
        const { response } = await socket.ask({ model: 'any', instructions, input, tools, previous_response_id: previous, store: false });
        assert.equal(response.status, 'completed', JSON.stringify(response).slice(0, 500));
        usages.push(ofResponse(response.usage));
        previous = response.id;
        input = [{ type: 'function_call_output', call_id: response.output.at(-1).call_id, output: result }];
    }
    check(usages);
    socket.close();
});

test("as Anthropic's messages", async () => {
    const messages = [{ role: 'user', content: 'Go ahead.' }];
    const usages = [];
    for (const result of results) {
        const reply = await post('/v1/messages', { model: 'any', max_tokens: 1000, system: instructions, messages, thinking: { type: 'adaptive' },
            tools: names.map((name) => ({ name, description: `Does ${name}.`, input_schema: schema })) });
        const { input_tokens, cache_read_input_tokens, output_tokens } = reply.usage;
        usages.push({ prompt: input_tokens + cache_read_input_tokens, cached: cache_read_input_tokens, output: output_tokens });
        messages.push({ role: 'assistant', content: reply.content },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: reply.content.at(-1).id, content: result }] });
    }
    check(usages);
});
