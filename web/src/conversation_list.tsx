import { useState } from 'preact/hooks';
import { fromExport, toExport, type Conversation } from './conversation';
import { Icon } from './icons';
import { commit, conversations, create, currentId, discard, open } from './state';
import { memo } from './memo';
import { focusMessage } from './focus_message';

const dayMs = 86_400_000;

function ageOf({ changed }: Conversation): string {
    const midnight = new Date().setHours(0, 0, 0, 0);
    if (changed >= midnight) return 'Today';
    if (changed >= midnight - dayMs) return 'Yesterday';
    return changed >= midnight - 7 * dayMs ? 'Last week' : 'Earlier';
}

const contains = ({ title, turns }: Conversation, wanted: string): boolean =>
    [title, ...turns.map((turn) => turn.text)].some((text) => text.toLowerCase().includes(wanted));

// Apart from the page around it, which is drawn again with every piece of an answer.
export const ConversationList = memo(({ close }: { close: () => void }) => {
    const [search, change] = useState('');
    const [problem, setProblem] = useState('');
    const wanted = search.trim().toLowerCase();
    const found = conversations.value.filter((entry) => !wanted || contains(entry, wanted));
    const groups = Map.groupBy ? Map.groupBy(found, ageOf) : new Map([['', found]]);
    const load = async (file: File | undefined) => {
        if (!file) return;
        try {
            const loaded = fromExport(await file.text());
            loaded.forEach(commit);
            if (loaded[0]) open(loaded[0]);
            setProblem('');
        } catch (error) { setProblem(`${file.name} cannot be imported: ${(error as Error).message}`); }
    };
    return <>
        <div class="row">
            <button class="strong grow" onClick={() => { create(); close(); focusMessage(); }} title="Ctrl+Shift+O"><Icon name="plus" />New chat</button>
            <button class="quiet close" aria-label="Close the list" onClick={close}><Icon name="close" /></button>
        </div>
        <input id="search" type="search" aria-label="Search conversations" placeholder="Search (Ctrl+K)" value={search} onInput={(event) => change(event.currentTarget.value)} />
        <nav class="entries" aria-label="Conversations">
            {[...groups].map(([age, entries]) => <section key={age}>
                <h2>{age}</h2>
                <ul>{entries.map((entry) => <li key={entry.id}>
                    <button class="entry" title={entry.title} aria-current={entry.id === currentId.value} onClick={() => { open(entry); close(); }}>{entry.title}</button>
                    <button class="quiet small" aria-label={`Delete ${entry.title}`} title="Delete" onClick={() => discard(entry)}><Icon name="close" /></button>
                </li>)}</ul>
            </section>)}
            {!found.length && <p class="hint">{wanted ? 'Nothing found.' : 'No conversations yet.'}</p>}
        </nav>
        <div class="row foot">
            <button class="quiet" disabled={!conversations.value.length} onClick={() => download('conversations.json', toExport(conversations.value))}><Icon name="export" />Export</button>
            <label class="button quiet"><Icon name="import" />Import<input class="hidden" type="file" accept=".json,application/json"
                onChange={(event) => { void load(event.currentTarget.files?.[0]); event.currentTarget.value = ''; }} /></label>
        </div>
        {problem && <p role="alert" class="problem">{problem}</p>}
    </>;
});

function download(name: string, text: string): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
