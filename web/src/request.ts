// How a branch of a conversation becomes a request to POST /v1/responses.
import { parseTools, type Settings, type Turn } from './conversation';

// Files first, then the question: the shared beginning of follow-up prompts stays cached.
export function withFiles({ text, files }: Pick<Turn, 'text' | 'files'>): string {
    const parts = (files ?? []).map((file) => {
        const longest = Math.max(2, ...[...file.text.matchAll(/`{3,}/g)].map(([mark]) => mark.length));
        const fence = '`'.repeat(longest + 1);   // longer than any in the file
        return `File ${file.name}:\n${fence}\n${file.text}\n${fence}`;
    });
    return [...parts, text].join('\n\n');
}

// Tools are kept as chat completions take them, which is what people have; responses take them flat.
const flat = (tool: unknown): unknown => {
    const { function: inner, ...rest } = tool as { function?: object };
    return inner ? { ...rest, ...inner } : tool;
};

export function toRequest(path: Turn[], settings: Settings): Record<string, unknown> {
    const input: Record<string, unknown>[] = [];
    for (const turn of path) {
        if (turn.role === 'user') { input.push({ type: 'message', role: 'user', content: withFiles(turn) }); continue; }
        const done = (turn.calls ?? []).filter((call) => call.result !== undefined);
        // The model wants to see why it called; of finished answers it is not told its thoughts again.
        if (done.length && turn.reasoning) input.push({ type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: turn.reasoning }] });
        if (turn.text) input.push({ type: 'message', role: 'assistant', content: turn.text, ...(done.length ? { phase: 'commentary' } : {}) });
        for (const { id, name, arguments: text } of done) input.push({ type: 'function_call', call_id: id, name, arguments: text });
        for (const { id, result } of done) input.push({ type: 'function_call_output', call_id: id, output: result });
    }
    const tools = parseTools(settings.tools).map(flat);
    return {
        input, reasoning: { effort: settings.effort },
        temperature: settings.temperature, top_p: settings.top_p, top_k: settings.top_k, min_p: settings.min_p,
        ...(settings.instructions.trim() ? { instructions: settings.instructions } : {}),
        ...(settings.max_tokens > 0 ? { max_output_tokens: settings.max_tokens } : {}),
        ...(settings.seed.trim() ? { seed: Number(settings.seed) } : {}),
        ...(tools.length ? { tools } : {}),
    };
}
