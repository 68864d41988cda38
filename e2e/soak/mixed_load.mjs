// Mixed load with faults, and the books kept about it: every request must end exactly once, in the way its kind ends.
import { setTimeout as pause } from 'node:timers/promises';

const chat = '/v1/chat/completions';
const user = (content) => [{ role: 'user', content }];
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const question = () => pick(['What is 2+2?', 'Count to 5', 'What is the capital of France?', 'Write a short poem about computers.', 'Tell me a joke.']);
const filler = (words) => Array.from({ length: words }, (_, i) => `item${(i * 7919 + Math.floor(Math.random() * 3)) % 97}`).join(' ');
const weather = {
    type: 'function',
    function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
};
const schema = {
    type: 'json_schema',
    json_schema: { name: 'city', strict: true, schema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false } },
};

// A stream has ended well when each choice has one finish_reason and [DONE] comes once, at the end.
function endOfStream(text, choices) {
    const events = text.split('\n\n').filter((event) => event.startsWith('data: ')).map((event) => event.slice(6));
    if (events.filter((event) => event === '[DONE]').length !== 1 || events.at(-1) !== '[DONE]') return `stream without one [DONE] at its end: ${text.slice(-200)}`;
    const finishes = events.slice(0, -1).flatMap((event) => JSON.parse(event).choices ?? []).filter((choice) => choice.finish_reason).map((choice) => choice.index);
    return new Set(finishes).size === choices && finishes.length === choices ? null : `finish reasons of choices ${finishes}, ${choices} expected`;
}

function endOfReply(text, choices) {
    const reply = JSON.parse(text);
    const finished = reply.choices?.filter((choice) => choice.finish_reason).length;
    return finished === choices ? null : `${finished} of ${choices} choices finished: ${text.slice(0, 200)}`;
}

// Each sends one request and returns what was wrong with its end, or null.
const kinds = {
    plain: (send) => send(chat, { messages: user(question()), max_tokens: 80 }),
    streamed: (send) => send(chat, { messages: user(question()), stream: true, max_tokens: 80 }),
    several: (send) => send(chat, { messages: user(question()), stream: true, n: 3, max_tokens: 40 }),
    tools: (send) => send(chat, { messages: user(`What is the weather in ${pick(['Rome', 'Oslo', 'Lima'])}?`), tools: [weather], stream: Math.random() < 0.5, max_tokens: 120 }),
    json: (send) => send(chat, { messages: user('Which city is the capital of France?'), response_format: schema, max_tokens: 120 }),
    long: (send) => send(chat, { messages: user(`${filler(250)} What is 2+2?`), stream: true, max_tokens: 30 }),
    text: (send) => send('/v1/completions', { prompt: 'The capital of France is', max_tokens: 12 }),
    hot: (send) => send(chat, { messages: user(question()), temperature: 2, top_p: 1, stream: true, max_tokens: 60 }),
    leaves: (send) => send(chat, { messages: user(question()), stream: true, n: 2 }, { leaveAfter_ms: Math.random() * 400 }),
    leaves_whole: (send) => send(chat, { messages: user(filler(200)) }, { leaveAfter_ms: Math.random() * 200 }),
    malformed: (send) => send(chat, pick(['{', '[]', '{"messages": 3}', '{"messages":[{"role":"user","content":"x"}],"stop":7}', '\u0000']), { refused: true }),
    too_long: (send) => send(chat, { messages: user(filler(9000)) }, { refused: true }),
};

async function sendOne(origin, route, body, { leaveAfter_ms, refused }) {
    const choices = body.n ?? 1;
    const controller = new AbortController();
    const timer = leaveAfter_ms === undefined ? null : setTimeout(() => controller.abort(), leaveAfter_ms);
    try {
        const reply = await fetch(origin + route, {
            method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body),
            signal: AbortSignal.any([controller.signal, AbortSignal.timeout(600_000)]),
        });
        const text = await reply.text();
        if (refused) return reply.status === 400 && JSON.parse(text).error ? null : `status ${reply.status} for what must be refused`;
        if (reply.status !== 200) return `status ${reply.status}: ${text.slice(0, 200)}`;
        return body.stream ? endOfStream(text, choices) : endOfReply(text, choices);
    } catch (problem) {
        return controller.signal.aborted ? null : `${problem.message} ${problem.cause?.message ?? ''}`;
    } finally {
        clearTimeout(timer);
    }
}

// Loads the node for that long with so many clients. Returns {counts: by kind, problems: ["kind: what"]}.
export async function mixedLoad(origin, seconds, clients = 6) {
    const over = Date.now() + seconds * 1000;
    const counts = {};
    const problems = [];
    await Promise.all(Array.from({ length: clients }, async () => {
        while (Date.now() < over) {
            const kind = pick(Object.keys(kinds));
            const problem = await kinds[kind]((route, body, how = {}) => sendOne(origin, route, body, how));
            counts[kind] = (counts[kind] ?? 0) + 1;
            if (problem) problems.push(`${kind}: ${problem}`);
            await pause(Math.random() < 0.5 ? 5 : 400 * Math.random());   // so that the node falls idle now and then, and wakes
        }
    }));
    return { counts, problems };
}
