// What is on the page: the conversations, which of them is shown, and the answers that grow. The truth is in storage, which all tabs
// share; what is here is merged with it, both ways.
import { computed, signal, type Signal } from '@preact/signals';
import { isRunning, newConversation, shownTurns, withTurnChanged, type Conversation, type Turn } from './conversation';
import { choiceStamp, mergeConversations, mergeTurns, stampedFields } from './merge';
import { randomId } from './random_id';
import * as lastWords from './last_words';
import * as storage from './storage';
import { hear, tell } from './tabs';
import { takeDraft } from './drafts';

// "#chat/ID" or "#machine": a reload shows what was shown, and the browser's back button goes back.
const readAddress = () => {
    const [name = '', id = ''] = location.hash.slice(1).split('/');
    return { page: name || 'chat', id: decodeURIComponent(id) };
};
export const page = signal(readAddress().page);
export const currentId = signal(readAddress().id || randomId());
addEventListener('hashchange', () => {
    const { page: name, id } = readAddress();
    page.value = name;
    if (id) currentId.value = id;
});

export const byId = signal<ReadonlyMap<string, Conversation>>(new Map());
const fresh = signal<Conversation>(newConversation());   // what is shown while there is nothing to keep
export const current = computed(() => {
    const found = byId.value.get(currentId.value);
    return found && !found.gone ? found : { ...fresh.value, id: currentId.value };
});
export const shown = computed(() => shownTurns(current.value));

const here = computed(() => [...byId.value.values()].filter(({ gone, turns }) => !gone && turns.length > 0).sort((a, b) => b.changed - a.changed));
export const conversations = computed(() => here.value.filter(({ trashed }) => !trashed));
export const trash = computed(() => here.value.filter(({ trashed }) => trashed).sort((a, b) => b.trashed - a.trashed));
export const discarded = signal<string | null>(null);   // the one thrown away last, while it is offered to bring it back
export const unread = signal<ReadonlySet<string>>(new Set());   // ids of those whose answer ended out of sight
export const storageProblem = signal('');
export const loaded = signal(false);

export const find = (id: string): Conversation | undefined => {
    const found = id === currentId.peek() ? current.peek() : byId.peek().get(id);
    return found?.gone ? undefined : found;
};

// An answer as it grows, apart from its conversation: only its own view is drawn again.
const grown = new Map<string, Signal<Turn | undefined>>();
export function growing(id: string): Signal<Turn | undefined> {
    let found = grown.get(id);
    if (!found) grown.set(id, found = signal(undefined));
    return found;
}
export const latest = (turn: Turn): Turn => grown.get(turn.id)?.peek() ?? turn;

// Is this the answer at the end of what is shown?
export const inSight = Object.assign(
    (conversation: Conversation, turn: Turn): boolean => page.peek() === 'chat' && conversation.id === currentId.peek() && shown.peek().at(-1)?.turn.id === turn.id,
    { changes: computed(() => `${page.value} ${currentId.value} ${shown.value.at(-1)?.turn.id ?? ''}`) });

const put = (conversation: Conversation): void => { byId.value = new Map(byId.peek()).set(conversation.id, conversation); };

// Without storage everything works until the page is closed, and the page says so.
async function kept<T>(work: Promise<T>): Promise<T | undefined> {
    try {
        return await work;
    } catch (error) {
        storageProblem.value = `This browser does not keep conversations: ${(error as Error).message}`;
        return undefined;
    }
}

export async function start(): Promise<void> {
    storage.listeners.problem = (words) => { storageProblem.value = words; };
    hear((word) => { if (word.kind === 'kept') void takeStored(word.conversation, word.turns); });
    // A page that was frozen has heard nothing of what the others kept.
    addEventListener('pageshow', ({ persisted }) => { if (persisted) void takeAll(); });
    document.addEventListener('resume', () => void takeAll());
    await takeAll();
    addEventListener('pagehide', () => lastWords.leave('changes', [...underWay]));
    addEventListener('storage', takeLast);   // of another tab, just closed
    takeLast();
    if (page.value === 'chat' && !readAddress().id) {
        if (conversations.value[0]) currentId.value = conversations.value[0].id;
        history.replaceState(null, '', addressOf(currentId.value));
    }
    loaded.value = true;
}

async function takeAll(): Promise<void> {
    const stored = await kept(storage.loadAll());
    stored?.conversations.forEach(take);
    stored?.drafts.forEach(takeDraft);
}
export async function takeStored(place: string, turns: string[]): Promise<void> {
    const stored = await kept(storage.load(place, turns));
    if (stored) take(stored);
}

// What storage holds, from another tab.
function take(stored: Conversation): void {
    const mine = byId.peek().get(stored.id);
    // An answer under way is drawn where it grows; in its conversation it stays as it began until the end.
    const grows = stored.turns.filter((turn) => isRunning(turn) && mine?.turns.some(({ id }) => id === turn.id));
    for (const turn of grows) {
        const signal = growing(turn.id);
        signal.value = mergeTurns(signal.peek() ?? turn, turn);
    }
    // One that ended keeps what was shown of it here.
    const rest = { ...stored, turns: stored.turns.filter((turn) => !grows.includes(turn)).map((turn) => mergeTurns(latest(turn), turn)) };
    const merged = mine ? mergeConversations(mine, rest) : rest;
    // Every third of a second while an answer grows: what did not change is not drawn again.
    if (!mine || rest.turns.length || merged.changed !== mine.changed || JSON.stringify([merged.stamps, merged.chosen]) !== JSON.stringify([mine.stamps, mine.chosen])) put(merged);
    for (const turn of rest.turns) noteEnd(stored.id, mine?.turns.find(({ id }) => id === turn.id), turn);
}

function noteEnd(place: string, before: Turn | undefined, turn: Turn): void {
    if (isRunning(turn) || !before || !isRunning(before)) return;
    grown.delete(turn.id);
    if (place !== currentId.peek() || page.peek() !== 'chat') unread.value = new Set([...unread.peek(), place]);
}

// An answer that ended, or took a step that its conversation should show.
export function takeTurn(place: string, turn: Turn): void {
    const conversation = byId.peek().get(place);
    const before = conversation?.turns.find(({ id }) => id === turn.id);
    if (!conversation || !before) return;
    const merged = mergeTurns(before, turn);
    noteEnd(place, before, merged);
    put({ ...withTurnChanged(conversation, merged), changed: Date.now() });
}

// Keeps one turn; gives it as it is stored now.
export async function keepTurn(place: string, turn: Turn): Promise<Turn | undefined> {
    const conversation = byId.peek().get(place);
    if (!conversation) return undefined;
    const stored = await kept(storage.keep(conversation, [turn]));
    if (stored) { tell({ kind: 'kept', conversation: place, turns: [turn.id] }); take(stored); }
    return stored?.turns[0];
}

// Shows a change, and keeps it once there is something to keep. What differs from before is stamped: it wins over what other tabs had.
export function commit(next: Conversation): void {
    const before = byId.peek().get(next.id);
    if (!next.turns.length && !before) { fresh.value = next; return; }
    const now = Date.now();
    const stamps = { ...next.stamps };
    for (const field of stampedFields) if (next[field] !== before?.[field]) stamps[field] = now;
    for (const [parent, turn] of Object.entries(next.chosen)) if (before?.chosen[parent] !== turn) stamps[choiceStamp(parent)] = now;
    const known = new Set(before?.turns);
    const turns = next.turns.filter((turn) => !known.has(turn));
    const conversation = { ...next, stamps, changed: turns.length ? now : next.changed };
    put(conversation);
    keepChange(conversation, turns);
}

interface Change { conversation: Conversation; turns: Turn[] }
const underWay = new Set<Change>();   // to storage
function keepChange(conversation: Conversation, turns: Turn[]): void {
    const change = { conversation: { ...conversation, turns: [] }, turns };
    underWay.add(change);
    void kept(storage.keep(conversation, turns)).then((stored) => {
        underWay.delete(change);
        if (!stored) return;
        tell({ kind: 'kept', conversation: conversation.id, turns: turns.map(({ id }) => id) });
        take(stored);
    });
}
function takeLast(): void {
    for (const { conversation, turns } of lastWords.take<Change>('changes')) {
        take({ ...conversation, turns });
        keepChange(conversation, turns);
    }
}

export const addressOf = (id: string): string => `#chat/${encodeURIComponent(id)}`;
export function open(id: string): void {
    location.hash = addressOf(id);
    currentId.value = id;
    page.value = 'chat';
    if (unread.peek().has(id)) unread.value = new Set([...unread.peek()].filter((other) => other !== id));
}

// With the settings of the one that is shown.
export function create(): void {
    fresh.value = newConversation(current.value.settings);
    open(randomId());
}

export function discard(conversation: Conversation): void {
    commit({ ...conversation, trashed: Date.now() });
    discarded.value = conversation.id;
    if (currentId.value === conversation.id) { if (conversations.value[0]) open(conversations.value[0].id); else create(); }
}

export function bringBack(id: string): void {
    const conversation = byId.peek().get(id);
    if (discarded.value === id) discarded.value = null;
    if (!conversation || conversation.gone) return;
    commit({ ...conversation, trashed: 0 });
    open(id);
}

export function discardForGood(conversation: Conversation): void {
    if (discarded.value === conversation.id) discarded.value = null;
    commit({ ...conversation, trashed: conversation.trashed || Date.now(), gone: true, turns: [] });
}

// What a file brought: merged with what is here, out of the trash if it was there.
export function bringIn(brought: Conversation[]): void {
    for (const conversation of brought) {
        const mine = byId.peek().get(conversation.id);
        if (mine?.gone) { commit({ ...conversation, id: randomId() }); continue; }
        const merged = mine ? mergeConversations(mine, conversation) : conversation;
        commit({ ...merged, trashed: 0, changed: merged.changed });
    }
}
