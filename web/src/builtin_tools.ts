// Harmless tools that run in the page: a calculator, a clock, and JavaScript in a frame without network.
import { calculate } from './calculator';
import type { ToolCall } from './conversation';

const tool = (name: string, description: string, properties: object = {}, required: string[] = []) =>
    ({ type: 'function', function: { name, description, parameters: { type: 'object', properties, required } } });

export const calculator = tool('calculate', 'Computes an arithmetic expression.', { expression: { type: 'string', description: 'For example (2 + 3) * 4 ^ 2, 15% of 80, sqrt(2).' } }, ['expression']);
export const clock = tool('current_time', 'Tells the date and time.', { timezone: { type: 'string', description: 'Like Europe/Rome. Left out: the user\'s.' } });
export const javascript = tool('run_javascript', 'Runs JavaScript without network and returns what it printed and its last value.', { code: { type: 'string' } }, ['code']);
export const builtinTools = [calculator, clock];

export const isBuiltin = ({ name }: ToolCall): boolean => [calculator, clock, javascript].some((each) => each.function.name === name);

// The only text among the arguments: small models call it by other names.
const textOf = (call: ToolCall): string => String(Object.values(JSON.parse(call.arguments || '{}') as object).find((value) => typeof value === 'string') ?? '');

export function timeIn(zone: string, now = new Date()): object {
    const usual = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const timeZone = zone || usual;
    const local = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full', timeStyle: 'long' }).format(now);
    return { time: now.toISOString(), local, timezone: timeZone };
}

// At once; undefined: not one of these.
export function runBuiltin(call: ToolCall): string | undefined {
    try {
        if (call.name === clock.function.name) return JSON.stringify(timeIn(call.arguments ? textOf(call) : ''));
        if (call.name === calculator.function.name) return JSON.stringify({ result: calculate(textOf(call)) });
        return undefined;
    } catch (error) {
        return JSON.stringify({ error: (error as Error).message });
    }
}

// A result for the model, whatever happens.
export async function runLater(call: ToolCall): Promise<string> {
    try {
        const atOnce = runBuiltin(call);
        if (atOnce !== undefined) return atOnce;
        const { runJavaScript } = await import('./javascript_tool');
        return await runJavaScript(textOf(call));
    } catch (error) { return JSON.stringify({ error: (error as Error).message }); }
}
