// A node that says what a script makes it say, fast and always the same: for tests of those who look at nodes.
// `defects` breaks it on purpose; each is one way in which a real deployment has been, or could be, wrong.
import http from 'node:http';
import { once } from 'node:events';

const sleep = (time_ms) => new Promise((resolve) => { setTimeout(resolve, time_ms); });
const gigabyte = 1e9;

function wordsFor(question, defects) {
    const sum = question.match(/What is (\d+)\+(\d+)\?/);
    if (sum) {
        const value = Number(sum[1]) + Number(sum[2]);
        return { reasoning: `We need to add ${sum[1]} and ${sum[2]}.`, content: `The sum is ${defects.wrongSum ? value + 1 : value}.` };
    }
    if (question.includes('capital of France')) return { reasoning: 'The user asks for a capital.', content: 'The capital of France is Paris.' };
    if (question.includes('Count to 5')) return { reasoning: 'The user wants me to count from 1 to 5.', content: '1, 2, 3, 4, 5' };
    if (question.includes('code word')) {
        const kept = defects.shortContext ? question.slice(-4000) : question;
        const found = /The code word for Alice is (\w+)\./.exec(kept)?.[1];
        return { reasoning: 'I look it up in the text.', content: found ? `The code word is ${found}.` : 'I do not know.' };
    }
    return { reasoning: 'The user wants a poem.',
        content: 'A computer sat and thought all night\nof zeros and ones in silver light.\nAt dawn it printed, clear and small:\nhello, dear world, hello to all.' };
}

// Roughly what a tokenizer makes of text.
const countTokens = (text) => Math.ceil(text.length / 4);
const pieces = (text) => text.match(/\s*\S+|\s+$/g) ?? [];

function broken({ reasoning, content }, defects) {
    if (defects.markersLeak) return { reasoning, content: `<|channel|>final<|message|>${content}` };
    if (defects.nameLeaks) return { reasoning: `analysis${reasoning}`, content };
    if (defects.reasoningInContent) return { reasoning: '', content: `${reasoning} ${content}` };
    if (defects.contentRepeatsReasoning) return { reasoning, content: `${reasoning}\n${content}` };
    if (defects.repeatedTokens) return { reasoning: pieces(reasoning).flatMap((word) => [word, word]).map((word) => ` ${word.trim()}`).join(''), content };
    if (defects.loops) return { reasoning, content: `${content} ${'and so on '.repeat(20)}` };
    if (defects.garbage) return { reasoning, content: `${content} caf\uFFFD` };
    return { reasoning, content };
}

export async function startScriptedNode(defects = {}) {
    const context = defects.lessContext ? 4096 : 8192;
    let running = 0;
    let cancelled = 0;

    const json = (response, status, body) => {
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(body));
    };
    const refuse = (response, message, param) => json(response, defects.wrongStatus ? 200 : 400,
        { error: { message: defects.fieldNotNamed ? 'bad request' : message, type: 'invalid_request_error', param: defects.fieldNotNamed ? null : param } });
    const used_bytes = () => (defects.vramAlways ? 96 : defects.vramUnderLoad && running > 0 ? 96 : 70) * gigabyte;
    const card = { provenance: { composite_sha256: 'ab'.repeat(32), verified: !defects.notVerified, detail: defects.notVerified ? 'validation is off' : 'matches' } };

    async function stream(request, response, said, usage) {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        const held = [];
        const send = (body) => {
            const event = `data: ${typeof body === 'string' ? body : JSON.stringify(body)}\n\n`;
            if (defects.allAtOnce) held.push(event); else response.write(event);
        };
        let gone = false;
        response.on('close', () => { gone = true; });
        const list = [...pieces(said.reasoning).map((text) => ({ reasoning: text })), ...pieces(said.content).map((text) => ({ content: text }))];
        if (request.n > 1) for (let i = 0; i < 400; i += 1) list.push({ content: ` line ${i}` });
        for (const [place, delta] of list.entries()) {
            if (gone && !defects.cancellationIgnored) {
                cancelled += 1;
                return;
            }
            await sleep(defects.slowTokens ? 250 : defects.allAtOnce ? 20 : 5);  // what is over in a tenth of a second is not judged
            if (!defects.dropsChunks || place % 3 !== 2) send({ choices: [{ index: 0, delta, finish_reason: null }] });
        }
        if (!defects.noFinish) send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
        send({ choices: [], usage });
        if (!defects.noDone) send('[DONE]');
        response.end(held.join(''));
    }

    async function chat(text, response) {
        let request;
        try { request = JSON.parse(text); } catch { return refuse(response, 'The body is not valid JSON.', null); }
        if (typeof request.temperature === 'string') return refuse(response, 'temperature must be a number.', 'temperature');
        const question = request.messages.at(-1).content;
        const prompt_tokens = countTokens(question);
        if (prompt_tokens > context) return refuse(response, `The prompt is longer than the context of ${context}.`, 'messages');
        running += 1;
        try {
            if (defects.failsUnderLoad && running > 2) return json(response, 500, { error: { message: 'out of memory' } });
            if (request.tools) {
                await sleep(5);
                const call = { id: '1', type: 'function', function: { name: 'get_weather', arguments: defects.brokenArguments ? '{"city": ' : '{"city":"Rome"}' } };
                return json(response, 200, { choices: [{ message: { reasoning: 'I call it.', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] });
            }
            const said = broken(wordsFor(question, defects), defects);
            const usage = { prompt_tokens: defects.shortContextTold ? Math.min(prompt_tokens, 1000) : prompt_tokens, completion_tokens: pieces(said.reasoning + said.content).length };
            if (request.stream) return await stream(request, response, said, usage);
            await sleep(150);
            return json(response, 200, { choices: [{ message: { ...said, role: 'assistant' }, finish_reason: 'stop' }], usage });
        } finally {
            running -= 1;
        }
    }

    const routes = {
        'GET /v1/models': (_, response) => json(response, defects.noModel ? 503 : 200, { data: [{ id: 'scripted', context_length: context }] }),
        'GET /v1/status': (_, response) => json(response, 200, { engine: { running }, card, device: 'GPU 0',
            placement: defects.layersOnCpu ? '30 of 36 layers on GPU 0, 6 on the CPU' : 'all 36 layers and head on GPU 0',
            gpu: { memory_used_bytes: used_bytes(), memory_ceiling_bytes: 95 * gigabyte } }),
        'GET /metrics': (_, response) => response.end(`gptoss_sequences_running ${running}\ngptoss_generations_total{reason="cancelled"} ${cancelled}\n`),
        'POST /tokenize': (text, response) => json(response, 200, { count: countTokens(JSON.parse(text).content) }),
        'POST /v1/chat/completions': chat,
    };
    const server = http.createServer(async (request, response) => {
        let text = '';
        for await (const chunk of request) text += chunk;
        const route = defects.foreign && !request.url.startsWith('/v1/models') && !request.url.startsWith('/v1/chat') ? undefined : routes[`${request.method} ${request.url}`];
        if (!route) return json(response, 404, { error: { message: 'no such path' } });
        return route(text, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}
