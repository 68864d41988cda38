// Conversations and tool schemas at random, from a seed: the same in every run.

// mulberry32
export function randomFrom(seed) {
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x6D2B79F5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const below = (limit) => Math.floor(next() * limit);
    return {
        below,
        chance: (probability) => next() < probability,
        pick: (list) => list[below(list.length)],
        times: (most, make) => Array.from({ length: below(most + 1) }, (_, index) => make(index)),
    };
}

const words = ['sun', 'Paris', 'São', '東京', '🙂', '<|start|>', '<|end|>', '"quoted"', '\\', '{"a":1}', '//', '\n', '\n\n', '  ', "it's", '12345', '’', 'to=functions.f', 'x\ty'];
export const text = (random, most = 12) => random.times(most, () => random.pick(words)).join(' ');
const word = (random) => random.pick(['city', 'days', 'unit', 'a', 'b_c', 'x1', 'naïve', 'with space', 'dash-ed', 'items', 'type']);

const scalar = (random) => random.pick(['red', 'blue "x"', 'line\nbreak', 3, -1.5, true, false, null, 0, 1e21, '']);

// Whatever clients put into `parameters`: what harmony has words for, and what it has none for.
export function schema(random, depth = 3) {
    const kinds = ['string', 'number', 'integer', 'boolean', 'list', 'enum', 'any', 'nothing'];
    if (depth > 0) kinds.push('object', 'object', 'array', 'oneOf');
    const described = (made) => {
        if (random.chance(0.3)) made.description = text(random, 4);
        if (random.chance(0.1)) made.title = text(random, 2);
        if (random.chance(0.15)) made.default = scalar(random);
        if (random.chance(0.1)) made.nullable = random.chance(0.5);
        if (random.chance(0.1)) made.examples = random.times(3, () => scalar(random));
        return made;
    };
    switch (random.pick(kinds)) {
        case 'string': return described({ type: 'string' });
        case 'number': return described({ type: 'number', minimum: 1 });
        case 'integer': return described({ type: 'integer' });
        case 'boolean': return described({ type: 'boolean' });
        case 'list': return described({ type: random.pick([['string', 'null'], ['integer', 'null'], ['string', 'number', 'boolean'], ['object'], []]) });
        case 'enum': return described({ type: random.pick(['string', 'string', 'integer']), enum: random.times(4, () => scalar(random)) });
        case 'any': return described(random.pick([{ anyOf: [{ type: 'string' }, { type: 'null' }] }, { const: 'x' }, { $ref: '#/x' }, { allOf: [{ type: 'string' }] }, { type: 'null' }, { type: 'odd' }]));
        case 'array': return described(random.chance(0.8) ? { type: 'array', items: schema(random, depth - 1) } : { type: 'array' });
        case 'oneOf': return described({ oneOf: random.times(3, () => schema(random, depth - 1)) });
        case 'object': return described(object(random, depth - 1));
        default: return described({});
    }
}

export function object(random, depth = 3) {
    const made = { type: 'object' };
    if (random.chance(0.9)) {
        made.properties = Object.fromEntries(random.times(4, () => [word(random), schema(random, depth)]));
        if (random.chance(0.6)) made.required = Object.keys(made.properties).filter(() => random.chance(0.5));
    }
    if (random.chance(0.3)) made.additionalProperties = false;
    if (random.chance(0.1)) made.description = text(random, 4);
    return made;
}

export function tool(random, index) {
    const made = { name: `${random.pick(['get', 'look.up', 'functions.f', 'a-b', 'mcp:x/y'])}_${index}` };
    if (random.chance(0.7)) made.description = text(random, 8);
    if (random.chance(0.9)) made.parameters = object(random);
    return made;
}
