// A long conversation with tools: what was computed once is not computed again.
import test from 'node:test';
import assert from 'node:assert/strict';
import { startNode, weatherTool } from './support/node.mjs';

const cities = ['Rome', 'Oslo', 'Lima', 'Paris', 'Cairo', 'Delhi', 'Quito', 'Tokyo', 'Berlin', 'Athens'];

// The share of the history (all that was said before the new message) that a request computed again.
async function repeatedShare(node, request, usage) {
    const history = { ...request, messages: request.messages.slice(0, -1) };
    const { count } = await (await node.post('/apply-template', history)).json();
    return Math.max(0, count - usage.prompt_tokens_details.cached_tokens) / count;
}

test('ten turns with tools compute under 5 % of the history again', async () => {
    const node = await startNode(['--context', '8192']);
    const rules = Array.from({ length: 120 }, (_, index) => `Rule ${index + 1}: answer question number ${index + 1} of a visitor kindly.`).join('\n');
    const request = { model: 'demo', temperature: 0, max_tokens: 300, tools: [weatherTool],
        messages: [{ role: 'system', content: `You tell visitors about the weather.\n${rules}` }] };
    const ask = async () => (await node.post('/v1/chat/completions', request)).json();
    let computed = 0, prompts = 0, calls = 0;
    for (const [turn, city] of cities.entries()) {
        request.messages.push({ role: 'user', content: `What is the weather in ${city}?` });
        for (let step = 0; step < 4; step += 1) {
            const reply = await ask();
            const { message, finish_reason } = reply.choices[0];
            const share = await repeatedShare(node, request, reply.usage);
            computed += reply.usage.prompt_tokens - reply.usage.prompt_tokens_details.cached_tokens;
            prompts += reply.usage.prompt_tokens;
            if (turn > 0 || step > 0) assert.ok(share < 0.05, `turn ${turn + 1}, step ${step + 1}: ${(100 * share).toFixed(1)} % of the history again`);
            request.messages.push({ role: 'assistant', content: message.content, reasoning: message.reasoning, tool_calls: message.tool_calls });
            if (finish_reason !== 'tool_calls') break;
            calls += 1;
            for (const call of message.tool_calls)
                request.messages.push({ role: 'tool', tool_call_id: call.id, content: `sunny in ${city}, ${10 + turn} degrees` });
        }
    }
    assert.ok(calls >= 10, `the model called its tool ${calls} times`);
    console.log(`ten turns: ${computed} of ${prompts} prompt tokens were computed`);
    await node.stop();
});
