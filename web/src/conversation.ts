// What a conversation is, and how it becomes a request.
import { randomId } from './random_id';

export interface ToolCall { id: string; name: string; arguments: string; result?: string }

export interface AttachedFile { name: string; text: string; tokens?: number }

export interface Figures {
    firstTokenMs?: number; reasoningMs?: number; tokensPerSecond?: number;
    promptTokens?: number; cachedTokens?: number; completionTokens?: number; reasoningTokens?: number;
}

export interface Turn {
    id: string;
    role: 'user' | 'assistant';
    text: string;
    files?: AttachedFile[];   // of a question: context the model reads before it
    reasoning?: string;
    calls?: ToolCall[];
    finish?: string;   // the API's finish_reason, or "stopped"
    error?: string;
    figures?: Figures;
}

export interface Settings {
    effort: 'low' | 'medium' | 'high';
    instructions: string;
    temperature: number;
    top_p: number;
    top_k: number;
    min_p: number;
    max_tokens: number;   // 0 = whatever is left of the context
    seed: string;         // empty = another one each time
    tools: string;        // JSON array in OpenAI's form; empty = none
}

// gpt-oss's own recommendation: sample from the whole distribution.
export const defaultSettings: Settings = { effort: 'medium', instructions: '', temperature: 1, top_p: 1, top_k: 0, min_p: 0, max_tokens: 0, seed: '', tools: '' };

export interface Conversation { id: string; title: string; changed: number; turns: Turn[]; settings: Settings }

export const newConversation = (settings: Settings = defaultSettings): Conversation =>
    ({ id: randomId(), title: 'New chat', changed: Date.now(), turns: [], settings: { ...settings } });

export const newTurn = (role: Turn['role'], text = ''): Turn => ({ id: randomId(), role, text });

export const titleOf = (turn: Turn): string => (turn.text || turn.files?.[0]?.name || 'New chat').split('\n')[0].slice(0, 60);

// Throws SyntaxError or TypeError with words for people when the tools are not what OpenAI's API takes.
export function parseTools(text: string): unknown[] {
    if (!text.trim()) return [];
    const tools: unknown = JSON.parse(text);
    if (!Array.isArray(tools)) throw new TypeError('Tools must be a JSON array.');
    return tools;
}

// Files first, then the question: the shared beginning of follow-up prompts stays cached.
export function withFiles({ text, files }: Turn): string {
    const parts = (files ?? []).map((file) => {
        const longest = Math.max(2, ...[...file.text.matchAll(/`{3,}/g)].map(([mark]) => mark.length));
        const fence = '`'.repeat(longest + 1);   // longer than any in the file
        return `File ${file.name}:\n${fence}\n${file.text}\n${fence}`;
    });
    return [...parts, text].join('\n\n');
}

// Tokens the conversation holds after its last answer, as the node counted them. Undefined before the first.
export function contextUsed(conversation: Conversation): number | undefined {
    const figures = conversation.turns.findLast((turn) => turn.figures?.promptTokens !== undefined)?.figures;
    return figures && figures.promptTokens! + (figures.completionTokens ?? 0);
}

export function toRequest(conversation: Conversation): Record<string, unknown> {
    const { settings } = conversation;
    const messages: Record<string, unknown>[] = [];
    if (settings.instructions.trim()) messages.push({ role: 'developer', content: settings.instructions });
    for (const turn of conversation.turns) {
        if (turn.role === 'user') { messages.push({ role: 'user', content: withFiles(turn) }); continue; }
        const done = (turn.calls ?? []).filter((call) => call.result !== undefined);
        if (!turn.text && !done.length) continue;   // stopped before it said anything
        messages.push({ role: 'assistant', content: turn.text,
            ...(done.length ? { reasoning: turn.reasoning ?? '', tool_calls: done.map(({ id, name, arguments: text }) =>
                ({ id, type: 'function', function: { name, arguments: text } })) } : {}) });
        for (const call of done) messages.push({ role: 'tool', tool_call_id: call.id, content: call.result });
    }
    const tools = parseTools(settings.tools);
    return {
        messages, stream: true, stream_options: { include_usage: true }, reasoning_effort: settings.effort,
        temperature: settings.temperature, top_p: settings.top_p, top_k: settings.top_k, min_p: settings.min_p,
        ...(settings.max_tokens > 0 ? { max_tokens: settings.max_tokens } : {}),
        ...(settings.seed.trim() ? { seed: Number(settings.seed) } : {}),
        ...(tools.length ? { tools } : {}),
    };
}

export function toMarkdown(conversation: Conversation): string {
    const turns = conversation.turns.map((turn) => {
        const calls = (turn.calls ?? []).map((call) => `\`${call.name}(${call.arguments})\`${call.result === undefined ? '' : ` → ${call.result}`}`);
        return [`**${turn.role === 'user' ? 'User' : 'Assistant'}**`, withFiles(turn), ...calls].filter(Boolean).join('\n\n');
    });
    return `# ${conversation.title}\n\n${turns.join('\n\n')}\n`;
}

// Reads what `export` wrote. Every field is checked: a file is outside data.
export function fromExport(text: string): Conversation[] {
    const data = JSON.parse(text) as { format?: string; conversations?: unknown };
    if (data.format !== 'gpt-oss-node-conversations' || !Array.isArray(data.conversations)) throw new TypeError('This is not an export of this console.');
    return data.conversations.map((entry: Partial<Conversation>) => ({
        id: randomId(), title: String(entry.title ?? 'Imported'), changed: Number(entry.changed) || Date.now(),
        settings: readSettings(entry.settings), turns: (Array.isArray(entry.turns) ? entry.turns : []).map(readTurn),
    }));
}

export const toExport = (conversations: Conversation[]): string => JSON.stringify({ format: 'gpt-oss-node-conversations', version: 1, conversations }, null, 1);

function readSettings(given: unknown): Settings {
    const settings = { ...defaultSettings } as Record<string, unknown>;
    for (const [name, value] of Object.entries(given ?? {})) if (typeof value === typeof settings[name]) settings[name] = value;
    if (!['low', 'medium', 'high'].includes(String(settings.effort))) settings.effort = 'medium';
    return settings as unknown as Settings;
}

function readTurn(given: Partial<Turn>): Turn {
    const turn = newTurn(given.role === 'assistant' ? 'assistant' : 'user', String(given.text ?? ''));
    if (Array.isArray(given.files)) turn.files = given.files.map(({ name, text }) => ({ name: String(name), text: String(text) }));
    if (given.reasoning) turn.reasoning = String(given.reasoning);
    if (given.finish) turn.finish = String(given.finish);
    if (Array.isArray(given.calls)) turn.calls = given.calls.map((call) => ({ id: String(call.id), name: String(call.name), arguments: String(call.arguments),
        ...(call.result === undefined ? {} : { result: String(call.result) }) }));
    const figures = Object.entries(given.figures ?? {}).filter(([, value]) => typeof value === 'number');
    if (figures.length) turn.figures = Object.fromEntries(figures) as Figures;
    return turn;
}
