// What is on the page: conversations, the one shown, the answer being streamed, the node.
import { signal } from '@preact/signals';
import { ApiError, fetchStatus, streamChat, type NodeStatus } from './api';
import { defaultSettings, newConversation, newTurn, toRequest, type Conversation, type ToolCall, type Turn } from './conversation';
import { runBuiltin } from './builtin_tools';
import * as storage from './storage';

export const page = signal<'chat' | 'machine'>(location.hash === '#machine' ? 'machine' : 'chat');
export const conversations = signal<Conversation[]>([]);
export const current = signal<Conversation>(newConversation());
export const streaming = signal<string | null>(null);   // the id of the turn being written
export const node = signal<NodeStatus | null>(null);
export const away = signal(false);
export interface Sample { time: number; prompt: number; generation: number; running: number }
export const history = signal<Sample[]>([]);
const historyLimit = 3600;
const mostToolRounds = 8;   // a model that calls and calls is stopped here

addEventListener('hashchange', () => { page.value = location.hash === '#machine' ? 'machine' : 'chat'; });

let abort: AbortController | null = null;

// Shows a change and keeps it.
export function commit(conversation: Conversation): void {
    conversation = { ...conversation, changed: Date.now() };
    if (current.value.id === conversation.id) current.value = conversation;
    conversations.value = [conversation, ...conversations.value.filter((other) => other.id !== conversation.id)];
    void storage.save(conversation);
}

export function start(): void {
    void storage.loadAll().then((stored) => {
        conversations.value = stored;
        if (stored.length && !current.value.turns.length) current.value = stored[0];
    });
    void watchNode();
}

async function watchNode(): Promise<void> {
    for (;;) {
        try {
            const status = await fetchStatus();
            node.value = status;
            away.value = false;
            if (status.engine) {
                const { prompt_tokens_per_second: prompt, generated_tokens_per_second: generation, running } = status.engine;
                history.value = [...history.value, { time: Date.now() / 1000, prompt, generation, running }].slice(-historyLimit);
            }
        } catch (error) {
            away.value = !(error instanceof ApiError);
        }
        await new Promise((resolve) => setTimeout(resolve, document.hidden ? 10_000 : 1000));
    }
}

export function open(conversation: Conversation): void { stop(); current.value = conversation; }
export function create(): void { open(newConversation({ ...defaultSettings, ...current.value.settings })); }
export function discard(id: string): void {
    conversations.value = conversations.value.filter((other) => other.id !== id);
    void storage.remove(id);
    if (current.value.id === id) open(conversations.value[0] ?? newConversation());
}
export function stop(): void { abort?.abort(); }

export function ask(text: string): void {
    const conversation = current.value;
    const title = conversation.turns.length ? conversation.title : text.slice(0, 60);
    commit({ ...conversation, title, turns: [...conversation.turns, newTurn('user', text)] });
    void answer();
}

// Says the last answer again; or, with an edited question, goes on from there in a conversation of its own.
export function regenerate(): void {
    const turns = [...current.value.turns];
    while (turns.at(-1)?.role === 'assistant') turns.pop();
    commit({ ...current.value, turns });
    void answer();
}
export function branch(turn: Turn, text: string): void {
    const source = current.value;
    const turns = source.turns.slice(0, source.turns.indexOf(turn));
    current.value = { ...source, id: crypto.randomUUID(), title: `${source.title} (branch)`, turns };
    ask(text);
}

export function setResult(turn: Turn, call: ToolCall, result: string): void {
    const calls = turn.calls!.map((other) => (other === call ? { ...other, result } : other));
    replace(current.value, { ...turn, calls });
    if (calls.every((other) => other.result !== undefined)) void answer();
}

function replace(conversation: Conversation, turn: Turn): void {
    commit({ ...conversation, turns: conversation.turns.map((other) => (other.id === turn.id ? turn : other)) });
}

// Streams one answer. The network may bring hundreds of pieces a second: they are collected and shown once a frame.
async function answer(): Promise<void> {
    if (streaming.value) return;
    const conversation = current.value;
    const turn: Turn = newTurn('assistant');
    const begun = performance.now();
    const own = new AbortController();
    abort = own;
    streaming.value = turn.id;
    let shown = { ...conversation, turns: [...conversation.turns, turn] };
    let frame = 0;
    const show = () => {
        frame = 0;
        shown = { ...shown, turns: [...conversation.turns, { ...turn }] };
        if (current.value.id === shown.id) current.value = shown;
    };
    const showSoon = () => { frame ||= requestAnimationFrame(show); };
    turn.figures = {};
    show();
    try {
        for await (const chunk of streamChat(toRequest(conversation), own.signal)) {
            if (chunk.error) throw new ApiError(chunk.error.message, 0);
            const delta = chunk.choices[0]?.delta;
            const reasoning = delta?.reasoning ?? delta?.reasoning_content;
            if (reasoning || delta?.content || delta?.tool_calls) turn.figures.firstTokenMs ??= performance.now() - begun;
            if (reasoning) turn.reasoning = (turn.reasoning ?? '') + reasoning;
            if (turn.reasoning && (delta?.content || delta?.tool_calls)) turn.figures.reasoningMs ??= performance.now() - begun - turn.figures.firstTokenMs!;
            if (delta?.content) turn.text += delta.content;
            for (const piece of delta?.tool_calls ?? []) {
                turn.calls ??= [];
                const call = (turn.calls[piece.index] ??= { id: '', name: '', arguments: '' });
                turn.calls[piece.index] = { ...call, id: call.id || (piece.id ?? ''), name: call.name || (piece.function.name ?? ''), arguments: call.arguments + (piece.function.arguments ?? '') };
            }
            if (chunk.choices[0]?.finish_reason) turn.finish = chunk.choices[0].finish_reason;
            if (chunk.timings) turn.figures.tokensPerSecond = chunk.timings.generation_tokens_per_second;
            if (chunk.usage) Object.assign(turn.figures, { promptTokens: chunk.usage.prompt_tokens, completionTokens: chunk.usage.completion_tokens,
                cachedTokens: chunk.usage.prompt_tokens_details.cached_tokens, reasoningTokens: chunk.usage.completion_tokens_details.reasoning_tokens });
            showSoon();
        }
    } catch (error) {
        if (own.signal.aborted) turn.finish = 'stopped';
        else { turn.finish = 'error'; turn.error = error instanceof ApiError || error instanceof SyntaxError || (error instanceof TypeError && error.message.startsWith('Tools'))
            ? error.message : 'The node cannot be reached.'; }
    }
    cancelAnimationFrame(frame);
    streaming.value = null;
    if (turn.finish !== 'stopped' && turn.calls) turn.calls = turn.calls.map((call) => ({ ...call, result: runBuiltin(call) }));
    commit({ ...shown, turns: [...conversation.turns, { ...turn }] });
    const rounds = conversation.turns.length - conversation.turns.findLastIndex((other) => other.role === 'user');
    if (turn.calls?.length && turn.calls.every((call) => call.result !== undefined) && current.value.id === conversation.id && rounds < mostToolRounds) void answer();
}
