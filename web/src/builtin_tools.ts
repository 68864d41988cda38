// Harmless tools that run in the page: a calculator and a clock. Results of other tools are typed by hand.
import type { ToolCall } from './conversation';

export const builtinTools = [
    { type: 'function', function: { name: 'calculate', description: 'Computes an arithmetic expression.',
        parameters: { type: 'object', properties: { expression: { type: 'string', description: 'Numbers, + - * / and parentheses.' } }, required: ['expression'] } } },
    { type: 'function', function: { name: 'current_time', description: 'Tells the date and time.', parameters: { type: 'object', properties: {} } } },
];

// undefined: not one of ours.
export function runBuiltin(call: ToolCall): string | undefined {
    if (call.name !== 'calculate' && call.name !== 'current_time') return undefined;
    try {
        if (call.name === 'current_time') return JSON.stringify({ time: new Date().toISOString() });
        // The only text among the arguments: small models call it by other names.
        const given = Object.values(JSON.parse(call.arguments) as object).find((value) => typeof value === 'string');
        return JSON.stringify({ result: calculate(given ?? '') });
    } catch (error) {
        return JSON.stringify({ error: (error as Error).message });
    }
}

// sum = product (+|- product)*; product = factor (*|/ factor)*; factor = -factor | number | (sum).
export function calculate(text: string): number {
    const tokens = text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[-+*/()]|\S/gi) ?? [];
    let at = 0;
    let depth = 0;
    const factor = (): number => {
        const token = tokens[at++];
        if (++depth > 200) throw new Error('The expression is too deep.');
        try {
            if (token === '-') return -factor();
            if (token === '(') {
                const value = sum();
                if (tokens[at++] !== ')') throw new Error('A parenthesis is not closed.');
                return value;
            }
            const value = Number(token);
            if (token === undefined || Number.isNaN(value)) throw new Error(`Not a number: ${token ?? 'the end'}`);
            return value;
        } finally { --depth; }
    };
    const product = (): number => {
        let value = factor();
        while (tokens[at] === '*' || tokens[at] === '/') value = tokens[at++] === '*' ? value * factor() : value / factor();
        return value;
    };
    const sum = (): number => {
        let value = product();
        while (tokens[at] === '+' || tokens[at] === '-') value = tokens[at++] === '+' ? value + product() : value - product();
        return value;
    };
    const value = sum();
    if (at < tokens.length) throw new Error(`Not understood: ${tokens[at]}`);
    return value;
}
