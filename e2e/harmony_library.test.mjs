// Our renderer and parser beside OpenAI's own, on random conversations, tools and replies. `./test long` runs many more.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { startNode } from './support/node.mjs';
import { startScript } from './support/scripted_model.mjs';
import { loadHarmonyLibrary } from './support/harmony_library.mjs';
import { randomFrom, text, tool } from './support/random_conversation.mjs';

const long = process.env.HARMONY_LONG === '1';
const conversations = long ? 2400 : 240;
const schemas = long ? 28000 : 1200;
const replies = long ? 2000 : 160;

const date = '2026-11-22';  // startNode's
const efforts = { low: 'Low', medium: 'Medium', high: 'High' };

let library, node;
before(async () => {
    library = await loadHarmonyLibrary();
    node = await startNode(['--context', '65536']);
});
after(async () => { await node?.stop(); });

const textPart = (content) => [{ type: 'text', text: content }];

// The prompt as the library renders it.
function libraryPrompt({ effort = 'medium', instructions = '', tools = [], messages = [] }) {
    const system = { type: 'system_content', model_identity: 'You are ChatGPT, a large language model trained by OpenAI.',
        reasoning_effort: efforts[effort], knowledge_cutoff: '2024-06', conversation_start_date: date, tools: null,
        channel_config: { valid_channels: ['analysis', 'commentary', 'final'], channel_required: true } };
    const developer = { type: 'developer_content', instructions: instructions || null, tools: tools.length === 0 ? null : { functions: {
        name: 'functions', description: null,
        tools: tools.map(({ name, description = '', parameters = null }) => ({ name, description, parameters })) } } };
    const opening = [{ role: 'system', content: [system] }];
    if (instructions || tools.length > 0) opening.push({ role: 'developer', content: [developer] });
    const tokens = library.encoding.renderConversationForCompletion({ messages: [...opening, ...messages] }, 'assistant', { auto_drop_analysis: false });
    return library.encoding.decodeUtf8(tokens);
}

async function ourPrompt(request) {
    const reply = await node.post('/apply-template', request);
    const body = await reply.json();
    assert.equal(reply.status, 200, JSON.stringify(body));
    return body.prompt;
}

// One conversation twice: as a chat request, and as the library's messages.
function conversation(random) {
    const request = { reasoning_effort: random.pick(Object.keys(efforts)), messages: [] };
    const tools = random.times(3, (index) => tool(random, index));
    if (tools.length > 0) request.tools = tools.map((each) => ({ type: 'function', function: each }));
    const instructions = [];
    const system = () => {
        const content = text(random);
        request.messages.push({ role: random.pick(['system', 'developer']), content });
        if (content) instructions.push(content);
    };
    if (random.chance(0.6)) system();
    const messages = [];
    const thoughts = [];  // dropped when a final follows
    const think = (content) => {
        if (!content) return;
        thoughts.push({ role: 'assistant', channel: 'analysis', content: textPart(content) });
        messages.push(thoughts.at(-1));
    };
    for (let turn = random.below(4); turn >= 0; turn -= 1) {
        const question = text(random);
        request.messages.push({ role: 'user', content: question });
        messages.push({ role: 'user', content: textPart(question) });
        for (let step = tools.length > 0 ? random.below(3) : 0; step > 0; step -= 1) {
            const reasoning = random.chance(0.7) ? text(random) : '';
            const preamble = random.chance(0.3) ? text(random) : '';
            const calls = [0, ...random.times(1, () => 0)].map((_, index) => ({ id: `c${request.messages.length}_${index}`, type: 'function',
                function: { name: random.pick(tools).name, arguments: JSON.stringify({ x: text(random, 3) }) } }));
            request.messages.push({ role: 'assistant', content: preamble || null, reasoning, tool_calls: calls });
            think(reasoning);
            if (preamble) messages.push({ role: 'assistant', channel: 'commentary', content: textPart(preamble) });
            for (const call of calls) messages.push({ role: 'assistant', channel: 'commentary', recipient: `functions.${call.function.name}`,
                content_type: '<|constrain|>json', content: textPart(call.function.arguments) });
            for (const call of calls) {
                const result = text(random);
                request.messages.push({ role: 'tool', tool_call_id: call.id, content: result });
                messages.push({ role: 'tool', name: `functions.${call.function.name}`, recipient: 'assistant', channel: 'commentary', content: textPart(result) });
            }
        }
        if (turn > 0 || random.chance(0.3)) {
            const reasoning = random.chance(0.5) ? text(random) : '';
            const answer = `${text(random)}.`;
            request.messages.push({ role: 'assistant', content: answer, reasoning_content: reasoning });
            think(reasoning);
            messages.push({ role: 'assistant', channel: 'final', content: textPart(answer) });
            for (const thought of thoughts.splice(0)) messages.splice(messages.indexOf(thought), 1);
        }
    }
    return { request, plain: { effort: request.reasoning_effort, instructions: instructions.join('\n\n'), tools, messages } };
}

test(`${conversations} random conversations become the library's prompts`, async () => {
    const random = randomFrom(20261130);
    for (let index = 0; index < conversations; index += 1) {
        const { request, plain } = conversation(random);
        assert.equal(await ourPrompt(request), libraryPrompt(plain), `conversation ${index}: ${JSON.stringify(request)}`);
    }
});

test(`${schemas} random tool schemas become the library's TypeScript`, async () => {
    const random = randomFrom(19);
    const together = 40;
    for (let first = 0; first < schemas; first += together) {
        const tools = Array.from({ length: together }, (_, index) => tool(random, first + index));
        const request = { messages: [{ role: 'user', content: 'hi' }], tools: tools.map((each) => ({ type: 'function', function: each })) };
        const expected = libraryPrompt({ tools, messages: [{ role: 'user', content: textPart('hi') }] });
        const actual = await ourPrompt(request);
        if (actual === expected) continue;
        // One at a time, so that the message shows the one that differs.
        for (const each of tools) {
            assert.equal(await ourPrompt({ ...request, tools: [{ type: 'function', function: each }] }),
                libraryPrompt({ tools: [each], messages: [{ role: 'user', content: textPart('hi') }] }), JSON.stringify(each));
        }
        assert.equal(actual, expected);
    }
});

// What a model may say in a turn, as text with markers.
function sampledReply(random) {
    const start = '<|start|>assistant';
    const said = random.times(2, () => `<|channel|>analysis<|message|>${plain(random)}<|end|>`);
    if (random.chance(0.4)) said.push(`<|channel|>commentary<|message|>${plain(random)}<|end|>`);
    if (random.chance(0.5)) {
        const name = random.pick(['f', 'look.up', 'functions.f']);
        const type = random.pick([' <|constrain|>json', ' json', '', '<|constrain|>json']);
        const header = random.chance(0.5) ? ` to=functions.${name}<|channel|>commentary` : `<|channel|>commentary to=functions.${name}`;
        said.push(`${header}${type}<|message|>${JSON.stringify({ x: plain(random) })}<|call|>`);
    } else {
        said.push(`<|channel|>final<|message|>${plain(random)}<|return|>`);
    }
    return said.join(start);
}
// Markers cannot be told from text in a script.
const plain = (random) => text(random).replaceAll('<|', '< |') || 'x';

const markers = ['<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>', '<|call|>', '<|return|>'];

function libraryReading(said) {
    const parser = new library.Parser(library.encoding, 'assistant');
    for (const token of library.encoding.encode(said, markers)) parser.process(token);
    const messages = JSON.parse(parser.messages);
    parser.free();
    const on = (channel) => messages.filter((each) => each.channel === channel && !each.recipient).map((each) => each.content);
    return { reasoning: on('analysis').join(''), content: [...on('commentary'), ...on('final')].join('\n\n'),
        calls: messages.filter((each) => each.recipient).map((each) => ({ name: each.recipient.replace('functions.', ''), arguments: each.content })) };
}

test(`${replies} random replies are read as the library reads them`, async () => {
    const random = randomFrom(7);
    const script = Array.from({ length: replies }, (_, index) => ({ user: `question ${index}.`, say: sampledReply(random) }));
    const model = await startScript(script);
    try {
        const tools = ['f', 'look.up', 'functions.f'].map((name) => ({ type: 'function', function: { name } }));
        for (const { user, say } of script) {
            const { choices } = await model.chat({ messages: [{ role: 'user', content: user }], tools });
            const { reasoning = '', content, tool_calls = [] } = choices[0].message;
            assert.deepEqual({ reasoning, content: content ?? '', calls: tool_calls.map((each) => each.function) }, libraryReading(say), say);
        }
    } finally {
        await model.stop();
    }
});
