// Requests that cost much where a node is careless: each was a finding once. What a node must make of them is a refusal,
// or an answer, that costs little.
const chat = '/v1/chat/completions';
const ask = (more) => JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 8, ...more });
const schema = (value) => ask({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: value } } });
const pattern = (text) => schema({ type: 'object', properties: { a: { type: 'string', pattern: text } }, required: ['a'] });
const numbered = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const fields = (count, name, value) => Object.fromEntries(numbered(count, (index) => [`${name}${index}`, value]));
const tool = (index, parameters) => ({ type: 'function', function: { name: `t${index}`, ...(parameters ? { parameters, strict: true } : {}) } });

// Each alternative begins as the other does, so that a reader must follow both.
const ambiguous = (depth) => {
    let inner = { type: 'integer' };
    for (let level = 0; level < depth; level += 1) inner = { anyOf: [{ type: 'array', items: inner }, { type: 'array', items: inner }] };
    return { type: 'object', properties: { a: inner }, required: ['a'] };
};

// name -> [path, body]; bodies are made when they are wanted, as some have tens of megabytes.
export const attacks = {
    'stacked stars': () => [chat, pattern(`^a${'*'.repeat(262_000)}$`)],
    'stacked counts': () => [chat, pattern(`^a${'{1}'.repeat(76_250)}$`)],
    'a long optional pattern': () => [chat, pattern('^(x?){5000}$')],
    'a pattern with many deterministic states': () => [chat, pattern('^(a|b)*a(a|b){14}$')],
    'nested groups': () => [chat, pattern(`^${'('.repeat(30_000)}a${')'.repeat(30_000)}$`)],
    'ambiguous anyOf': () => [chat, schema(ambiguous(16))],
    '2,000 optional properties': () => [chat, ask({ tools: [tool(0, { type: 'object', properties: fields(2000, 'p', { type: 'string' }), required: [] })], tool_choice: 'required' })],
    '60,000 required names': () => [chat, schema({ type: 'object', properties: fields(1000, 'p', {}), required: numbered(60_000, (index) => `q${index}`) })],
    'an enum of long common prefixes': () => [chat, schema({ enum: numbered(2000, (index) => `${'a'.repeat(1000)}${index}`) })],
    '100,000 keys': () => ['/tokenize', JSON.stringify({ ...fields(100_000, 'k', 1), content: 'a' })],
    'ten million empty arrays': () => ['/tokenize', `{"content":"a","x":[${'[],'.repeat(10_000_000)}[]]}`],
    'a million levels': () => ['/tokenize', `{"content":"a","x":${'['.repeat(1_000_000)}`],
    '100,000 biases': () => [chat, ask({ logit_bias: Object.fromEntries(numbered(100_000, (index) => [index, 1])) })],
    '100,000 tools': () => ['/apply-template', ask({ tools: numbered(100_000, (index) => tool(index)) })],
    'a million stop strings': () => [chat, ask({ stop: numbered(1_000_000, () => 'a') })],
    '900,000 messages': () => [chat, JSON.stringify({ messages: numbered(900_000, () => ({ role: 'user', content: '' })) })],
    '30 MB of text': () => [chat, JSON.stringify({ messages: [{ role: 'user', content: 'the quick brown fox '.repeat(1_500_000) }] })],
    '30 MB of one letter': () => ['/tokenize', JSON.stringify({ content: 'a'.repeat(30_000_000) })],
};

// Bytes that frame a body, and never end: sent on a connection of one's own until the node has had enough.
const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n';
export const endless = {
    'a chunk extension': { head: `${head}\r\n5;`, piece: 'a'.repeat(1 << 16) },
    'the digits of a chunk size': { head: `${head}\r\n`, piece: '0'.repeat(1 << 16) },
    trailers: { head: `${head}\r\n0\r\n`, piece: `x: ${'y'.repeat(1000)}\r\n`.repeat(64) },
    'chunks that are mostly extension': { head: `${head}\r\n`, piece: `1;${'a'.repeat(8000)}\r\n \r\n`.repeat(8) },
    'a header': { head: 'GET /health HTTP/1.1\r\nHost: localhost\r\n', piece: `x: ${'y'.repeat(1000)}\r\n`.repeat(64) },
};
