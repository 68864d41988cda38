// What is typed and not sent yet, for each conversation: kept as it is typed, shared by all tabs.
import { signal } from '@preact/signals';
import type { AttachedFile } from './conversation';
import * as lastWords from './last_words';
import { keepDraft, loadDraft, type Draft } from './storage';
import { hear, tell } from './tabs';

const keepAfterMs = 200;

export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());
export const isEmpty = (draft: Draft | undefined): boolean => !draft || (!draft.text.trim() && !draft.files.length);

const put = (draft: Draft): void => { drafts.value = new Map(drafts.peek()).set(draft.id, draft); };

export function takeDraft(draft: Draft): void {
    if (draft.changed > (drafts.peek().get(draft.id)?.changed ?? 0)) put(draft);
}

const unkept = new Set<string>();
let timer = 0;
function keepNow(): void {
    clearTimeout(timer);
    for (const id of unkept) {
        const draft = drafts.peek().get(id);
        // Without storage the page says so where conversations are kept.
        if (draft) keepDraft(draft).then(() => { if (drafts.peek().get(id) === draft) unkept.delete(id); tell({ kind: 'draft', conversation: id }); }, () => undefined);
    }
}

export function changeDraft(id: string, change: { text?: string; files?: AttachedFile[] }): void {
    const before = drafts.peek().get(id);
    put({ id, text: change.text ?? before?.text ?? '', files: change.files ?? before?.files ?? [], changed: Date.now() });
    unkept.add(id);
    clearTimeout(timer);
    timer = window.setTimeout(keepNow, keepAfterMs);
}

addEventListener('pagehide', () => lastWords.leave('drafts', [...unkept].map((id) => drafts.peek().get(id))));
const takeLast = (): void => { for (const draft of lastWords.take<Draft>('drafts')) { takeDraft(draft); unkept.add(draft.id); } keepNow(); };
takeLast();
addEventListener('storage', takeLast);   // of another tab, just closed
document.addEventListener('visibilitychange', keepNow);
hear((word) => { if (word.kind === 'draft') void loadDraft(word.conversation).then((draft) => draft && takeDraft(draft), () => undefined); });
