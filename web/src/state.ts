// What is on the page: conversations, the one shown, the answer being streamed.
import { computed, signal } from '@preact/signals';
import { newConversation, newTurn, titleOf, type AttachedFile, type Conversation, type ToolCall, type Turn } from './conversation';
import { randomId } from './random_id';
import { streamAnswer } from './answer';
import * as storage from './storage';

export const page = signal<'chat' | 'machine'>(location.hash === '#machine' ? 'machine' : 'chat');
export const conversations = signal<Conversation[]>([]);
export const current = signal<Conversation>(newConversation());
export const currentId = computed(() => current.value.id);
export const streaming = signal<string | null>(null);   // the id of the turn being written
export const discarded = signal<Conversation | null>(null);   // the last one, until it cannot be brought back any more
export const storageProblem = signal('');
const undoMs = 10_000;

addEventListener('hashchange', () => { page.value = location.hash === '#machine' ? 'machine' : 'chat'; });

const kept = (work: Promise<void>): void => {
    work.catch((error: Error) => { storageProblem.value = `This browser does not keep conversations: ${error.message}`; });
};

export function start(): void {
    kept(storage.loadAll().then((stored) => {
        conversations.value = stored;
        if (stored.length && !current.value.turns.length) current.value = stored[0];
    }));
}

// Shows a change, and keeps it once there is something to keep.
export function commit(conversation: Conversation): void {
    conversation = { ...conversation, changed: Date.now() };
    if (current.value.id === conversation.id) current.value = conversation;
    if (!conversation.turns.length) return;
    conversations.value = [conversation, ...conversations.value.filter((other) => other.id !== conversation.id)];
    kept(storage.save(conversation));
}

export function open(conversation: Conversation): void {
    if (conversation.id === current.value.id) return;
    stop();
    current.value = conversation;
}
export function create(): void { open(newConversation(current.value.settings)); }

export function discard(conversation: Conversation): void {
    if (current.value.id === conversation.id) stop();
    conversations.value = conversations.value.filter((other) => other.id !== conversation.id);
    kept(storage.remove(conversation.id));
    if (current.value.id === conversation.id) current.value = conversations.value[0] ?? newConversation(conversation.settings);
    discarded.value = conversation;
    setTimeout(() => { if (discarded.value === conversation) discarded.value = null; }, undoMs);
}
export function bringBack(): void {
    if (!discarded.value) return;
    const conversation = discarded.value;
    discarded.value = null;
    commit(conversation);
    open(conversation);
}

let abort: AbortController | null = null;
export function stop(): void { abort?.abort(); }

export function ask(text: string, files: AttachedFile[] = []): void {
    const conversation = current.value;
    const turn = { ...newTurn('user', text), ...(files.length ? { files } : {}) };
    commit({ ...conversation, title: conversation.turns.length ? conversation.title : titleOf(turn), turns: [...conversation.turns, turn] });
    void answer();
}

// Says the last answer again.
export function regenerate(): void {
    const turns = [...current.value.turns];
    while (turns.at(-1)?.role === 'assistant') turns.pop();
    commit({ ...current.value, turns });
    void answer();
}

// An edited question goes on from there in a conversation of its own.
export function branch(turn: Turn, text: string): void {
    const source = current.value;
    const at = source.turns.findIndex((other) => other.id === turn.id);
    const title = at === 0 ? 'New chat' : `${source.title.replace(/ \(branch\)$/, '')} (branch)`;
    current.value = { ...source, id: randomId(), title, turns: source.turns.slice(0, at) };
    ask(text, turn.files);
}

export function setResult(turn: Turn, call: ToolCall, result: string): void {
    const calls = turn.calls!.map((other) => (other === call ? { ...other, result } : other));
    const conversation = current.value;
    commit({ ...conversation, turns: conversation.turns.map((other) => (other.id === turn.id ? { ...turn, calls } : other)) });
    if (calls.every((other) => other.result !== undefined)) void answer();
}

// As it stands now: settings may change, and it may be thrown away, while an answer streams.
const find = (id: string): Conversation | undefined =>
    (current.value.id === id ? current.value : conversations.value.find((other) => other.id === id));

async function answer(): Promise<void> {
    if (streaming.value) return;
    const conversation = current.value;
    const own = abort = new AbortController();
    let goesOn = false;
    await streamAnswer(conversation, own.signal, {
        show(turn) {
            streaming.value = turn.id;
            if (current.value.id === conversation.id) current.value = { ...current.value, turns: [...conversation.turns, turn] };
        },
        finish(turn, hasResults) {
            streaming.value = null;
            const latest = find(conversation.id);
            if (!latest) return;
            commit({ ...latest, turns: [...conversation.turns, turn] });
            goesOn = hasResults && current.value.id === conversation.id;
        },
    });
    if (goesOn) void answer();
}
