// Conversations in IndexedDB: one object a conversation, whole.
import type { Conversation } from './conversation';

const storeName = 'conversations';
const asPromise = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
});

let opened: Promise<IDBDatabase> | undefined;
function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    opened ??= (() => {
        const request = indexedDB.open('gpt-oss-node', 1);
        request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'id' });
        return asPromise(request);
    })();
    return opened.then((database) => database.transaction(storeName, mode).objectStore(storeName));
}

export const loadAll = async (): Promise<Conversation[]> =>
    (await asPromise<Conversation[]>((await store('readonly')).getAll())).sort((a, b) => b.changed - a.changed);
export const save = async (conversation: Conversation): Promise<void> => { await asPromise((await store('readwrite')).put(conversation)); };
export const remove = async (id: string): Promise<void> => { await asPromise((await store('readwrite')).delete(id)); };
