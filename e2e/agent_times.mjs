// How long an agent waits for the first token of a turn, on the demo model: history sent again over HTTP, only what is new over a
// WebSocket, and, at the last turn, history sent to a node that keeps no prefixes.
//
//   node e2e/agent_times.mjs [TURNS]
//
// 8k tokens of instructions, 12 tools, results of 1 to 4k tokens. Prints JSON: shares of the history that came from the cache, and
// times to the first event of output in milliseconds, all of one run.
import { openResponses } from './support/responses_socket.mjs';
import { startNode } from './support/node.mjs';

// The demo model's vocabulary is small: a word is some two tokens.
const turns = Number(process.argv[2] ?? 40);
const words = 'alpha beta gamma delta river stone cloud paper night green table seven window music'.split(' ');
const prose = (count, seed) => Array.from({ length: count }, (_, i) => words[(i * 7 + i * i * seed) % words.length]).join(' ');
const parameters = { type: 'object', properties: { path: { enum: ['a', 'b'] } }, required: ['path'], additionalProperties: false };
const body = {
    model: 'any', instructions: `You are an agent. ${prose(4300, 1)}`, temperature: 0, max_output_tokens: 24, store: false,
    tools: Array.from({ length: 12 }, (_, i) => ({ type: 'function', name: `tool_${i}`, description: `Does ${i}.`, strict: false, parameters })),
};
const results = Array.from({ length: turns }, (_, i) => `result ${i}: ${prose(540 + (i * 499) % 1600, i + 2)}`);
const begin = [{ role: 'user', content: 'Go.' }];
const isOutput = (event) => /delta$/.test(event.type);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

// Over HTTP: the whole input each time.
async function post(node, input) {
    const started = performance.now();
    const reply = await node.post('/v1/responses', { ...body, input, stream: true, include: ['reasoning.encrypted_content'] });
    let first, last;
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of reply.body) {
        rest += decoder.decode(chunk, { stream: true });
        const events = rest.split('\n\n');
        rest = events.pop();
        for (const text of events.filter((each) => each.includes('data: '))) {
            last = JSON.parse(text.slice(text.indexOf('data: ') + 6));
            if (isOutput(last)) first ??= performance.now() - started;
        }
    }
    return { first_ms: first, response: last.response };
}

const told = (name, list) => ({ [name]: {
    first_token_ms_p50: Math.round(median(list.slice(1).map((each) => each.first_ms))),
    last_turn_first_token_ms: Math.round(list.at(-1).first_ms),
    worst_cached_share: Math.min(...list.slice(1).map((each, i) => each.response.usage.input_tokens_details.cached_tokens /
        (list[i].response.usage.input_tokens + list[i].response.usage.output_tokens))),
} });
// The demo model is no agent: it is cut off, and the calls are made up here.
const resultOf = (turn, result) => [
    { type: 'function_call', call_id: `call_${turn}`, name: `tool_${turn % 12}`, arguments: '{"path":"a"}' },
    { type: 'function_call_output', call_id: `call_${turn}`, output: result }];

const settings = ['--context', '131072'];
const node = await startNode(settings);
const socket = await openResponses(node.url);
const http = [], ws = [], inputs = [];
const input = [...begin];
let next = begin, previous = null;
for (const [turn, result] of results.entries()) {
    inputs.push(structuredClone(input));
    http.push(await post(node, input));
    const said = http.at(-1).response;
    input.push(...said.output, ...resultOf(turn, result));
}
console.error(JSON.stringify(told('http', http)));
for (const [turn, result] of results.entries()) {
    const started = performance.now();
    let first;
    const { response } = await socket.ask({ ...body, input: next, previous_response_id: previous, instructions: `${body.instructions} Once more.` },
        (event) => { if (isOutput(event)) first ??= performance.now() - started; });
    ws.push({ first_ms: first, response });
    previous = response.id;
    next = resultOf(turn, result);
}
console.error(JSON.stringify(told('websocket', ws)));
socket.close();
await node.stop();
const without = await startNode(settings, { GPTOSS_PREFIX_CACHE: 'false' });
const whole = {};
{
    const turn = turns - 1;
    const { first_ms: first, response } = await post(without, inputs[turn]);
    whole[`turn_${turn + 1}`] = { tokens: response.usage.input_tokens, first_token_ms: Math.round(first) };
}
await without.stop();
console.log(JSON.stringify({ turns, last_prompt_tokens: http.at(-1).response.usage.input_tokens, ...told('http', http), ...told('websocket', ws),
    without_prefix_cache: whole }, null, 2));
