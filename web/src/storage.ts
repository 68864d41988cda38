// Conversations in IndexedDB, which all tabs of a browser share: a record for each conversation and one for each turn, so
// that an answer can be kept as it grows. Nothing is overwritten: what is there is read, merged and written in one transaction.
import type { AttachedFile, Conversation, Turn } from './conversation';
import { readConversation } from './exchange_files';
import { mergeConversations, mergeTurns } from './merge';

const newestVersion = 2;
const forgottenAfterMs = 30 * 86_400_000;   // how long the trash keeps, and marks of what is gone for good

type Stored = Omit<Conversation, 'turns'>;
type StoredTurn = Turn & { conversation: string };
export interface Draft { id: string; text: string; files: AttachedFile[]; changed: number }   // id: the conversation's

const asPromise = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
});
const whenDone = (transaction: IDBTransaction): Promise<void> => new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error('The browser gave up writing.'));
});

const withoutTurns = ({ turns, ...rest }: Conversation): Stored => (void turns, rest);
const asStored = (conversation: string, turn: Turn): StoredTurn => ({ ...turn, conversation });
const asTurn = ({ conversation, ...turn }: StoredTurn): Turn => (void conversation, turn);
const turnsOf = (id: string) => IDBKeyRange.bound([id], [id, []]);

let opened: Promise<IDBDatabase> | undefined;
// Told when another tab with an older page keeps the storage, or one with a newer page wants it.
export const listeners: { problem?: (words: string) => void } = {};

function open(): Promise<IDBDatabase> {
    return opened ??= (async () => {
        const request = indexedDB.open('gpt-oss-node', newestVersion);
        request.onupgradeneeded = ({ oldVersion }) => upgrade(request.result, request.transaction!, oldVersion);
        request.onblocked = () => listeners.problem?.('Another tab shows an older console: close it, so that conversations can be read.');
        const database = await asPromise(request);
        listeners.problem?.('');
        database.onversionchange = () => {
            database.close();
            listeners.problem?.('Another tab shows a newer console: reload this one.');
        };
        return database;
    })();
}

// Version 1 had one record a conversation, its turns in a row.
function upgrade(database: IDBDatabase, transaction: IDBTransaction, oldVersion: number): void {
    const turns = database.createObjectStore('turns', { keyPath: ['conversation', 'id'] });
    database.createObjectStore('drafts', { keyPath: 'id' });
    if (oldVersion < 1) { database.createObjectStore('conversations', { keyPath: 'id' }); return; }
    const cursor = transaction.objectStore('conversations').openCursor();
    cursor.onsuccess = () => {
        const place = cursor.result;
        if (!place) return;
        const conversation = readConversation(place.value);
        place.update(withoutTurns(conversation));
        for (const turn of conversation.turns) turns.put(asStored(conversation.id, turn));
        place.continue();
    };
}

export async function loadAll(): Promise<{ conversations: Conversation[]; drafts: Draft[] }> {
    const transaction = (await open()).transaction(['conversations', 'turns', 'drafts'], 'readwrite');
    const [stored, turns, drafts] = await Promise.all([asPromise<Stored[]>(transaction.objectStore('conversations').getAll()),
        asPromise<StoredTurn[]>(transaction.objectStore('turns').getAll()), asPromise<Draft[]>(transaction.objectStore('drafts').getAll())]);
    const old = Date.now() - forgottenAfterMs;
    const conversations = new Map(stored.map((entry) => [entry.id, { ...entry, turns: [] as Turn[] }]));
    for (const { id, trashed } of stored) {
        if (!trashed || trashed > old) continue;
        transaction.objectStore('conversations').delete(id);
        transaction.objectStore('turns').delete(turnsOf(id));
        conversations.delete(id);
    }
    for (const turn of turns) conversations.get(turn.conversation)?.turns.push(asTurn(turn));
    for (const { turns: list } of conversations.values()) list.sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    return { conversations: [...conversations.values()], drafts };
}

// One conversation as it is stored, or only some of its turns. Undefined: it is not there.
export async function load(id: string, turnIds?: string[]): Promise<Conversation | undefined> {
    const transaction = (await open()).transaction(['conversations', 'turns']);
    const store = transaction.objectStore('turns');
    const [stored, turns] = await Promise.all([asPromise<Stored | undefined>(transaction.objectStore('conversations').get(id)),
        turnIds ? Promise.all(turnIds.map((turn) => asPromise<StoredTurn | undefined>(store.get([id, turn])))) : asPromise<StoredTurn[]>(store.getAll(turnsOf(id)))]);
    return stored && { ...stored, turns: turns.filter((turn) => turn !== undefined).map(asTurn) };
}

// Merges the conversation and those of its turns that are given into what is stored; gives what is stored now.
export async function keep(conversation: Conversation, turns: Turn[]): Promise<Conversation> {
    const transaction = (await open()).transaction(['conversations', 'turns'], 'readwrite');
    const [conversations, store] = [transaction.objectStore('conversations'), transaction.objectStore('turns')];
    const done = whenDone(transaction);
    const stored = await asPromise<Stored | undefined>(conversations.get(conversation.id));
    const bare = { ...conversation, turns: [] };
    const merged = stored ? mergeConversations({ ...stored, turns: [] }, bare) : bare;
    conversations.put(withoutTurns(merged));
    if (merged.gone) store.delete(turnsOf(merged.id));
    else merged.turns = await Promise.all(turns.map((turn) => keepTurn(store, merged.id, turn)));
    await done;
    return merged;
}

async function keepTurn(store: IDBObjectStore, conversation: string, turn: Turn): Promise<Turn> {
    const stored = await asPromise<StoredTurn | undefined>(store.get([conversation, turn.id]));
    const merged = stored ? mergeTurns(asTurn(stored), turn) : turn;
    store.put(asStored(conversation, merged));
    return merged;
}

// Changes a turn if `mayChange` says so of what is stored (undefined: it is not there), before any other tab can.
export async function claim(conversation: string, id: string, mayChange: (stored: Turn | undefined) => Turn | undefined): Promise<Turn | undefined> {
    const transaction = (await open()).transaction('turns', 'readwrite');
    const done = whenDone(transaction);
    const store = transaction.objectStore('turns');
    const stored = await asPromise<StoredTurn | undefined>(store.get([conversation, id]));
    const changed = mayChange(stored && asTurn(stored));
    if (changed) store.put(asStored(conversation, changed));
    await done;
    return changed;
}

export async function keepDraft(draft: Draft): Promise<void> {
    const transaction = (await open()).transaction('drafts', 'readwrite');
    const done = whenDone(transaction);
    const store = transaction.objectStore('drafts');
    const stored = await asPromise<Draft | undefined>(store.get(draft.id));
    if (!stored || stored.changed <= draft.changed) store.put(draft);
    await done;
}
export const loadDraft = async (id: string): Promise<Draft | undefined> => asPromise((await open()).transaction('drafts').objectStore('drafts').get(id));
