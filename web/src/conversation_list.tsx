import { useState } from 'preact/hooks';
import { ChatMenu } from './chat_menu';
import { isRunning, type Conversation } from './conversation';
import { download } from './download';
import { drafts, isEmpty } from './drafts';
import { fromExport, toExport } from './exchange_files';
import { focusMessage } from './focus_message';
import { Icon } from './icons';
import { keyboardListOpen } from './keyboard_list';
import { memo } from './memo';
import { bringIn, byId, conversations, create, currentId, open, trash, unread } from './state';
import { TrashList } from './trash_list';

const dayMs = 86_400_000;

function groupOf({ pinned, folder, changed }: Conversation): string {
    if (pinned) return 'Pinned';
    if (folder) return folder;
    const midnight = new Date().setHours(0, 0, 0, 0);
    if (changed >= midnight) return 'Today';
    if (changed >= midnight - dayMs) return 'Yesterday';
    return changed >= midnight - 7 * dayMs ? 'Last week' : 'Earlier';
}

const ages = ['Today', 'Yesterday', 'Last week', 'Earlier'];
// Pinned chats, folders by name, the rest by age.
const placeOf = (group: string): number => (group === 'Pinned' ? 0 : ages.includes(group) ? 2 + ages.indexOf(group) : 1);

function grouped(list: Conversation[]): [string, Conversation[]][] {
    const groups = new Map<string, Conversation[]>();
    for (const entry of list) groups.set(groupOf(entry), [...groups.get(groupOf(entry)) ?? [], entry]);
    return [...groups].sort(([a], [b]) => placeOf(a) - placeOf(b) || (placeOf(a) === 1 ? a.localeCompare(b) : 0));
}

// In the order in which they are listed.
export const listed = (): Conversation[] => grouped(conversations.peek()).flatMap(([, entries]) => entries);

const contains = ({ title, folder, turns }: Conversation, wanted: string): boolean =>
    [title, folder, ...turns.map((turn) => turn.text)].some((text) => text.toLowerCase().includes(wanted));

// Apart from the page around it, which is drawn again with every piece of an answer.
export const ConversationList = memo(({ close }: { close: () => void }) => {
    const [search, change] = useState('');
    const [problem, setProblem] = useState('');
    const [trashOpen, showTrash] = useState(false);
    const wanted = search.trim().toLowerCase();
    const found = conversations.value.filter((entry) => !wanted || contains(entry, wanted));
    const load = async (file: File | undefined) => {
        if (!file) return;
        try {
            const brought = fromExport(await file.text());
            bringIn(brought);
            if (brought[0]) open(brought[0].id);
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
            <UnsentDrafts close={close} />
            {grouped(found).map(([group, entries]) => <section key={group}>
                <h2>{placeOf(group) === 1 && <Icon name="folder" />}{group}</h2>
                <ul>{entries.map((entry) => <Entry key={entry.id} entry={entry} close={close} />)}</ul>
            </section>)}
            {!found.length && <p class="hint">{wanted ? 'Nothing found.' : 'No conversations yet.'}</p>}
        </nav>
        <div class="row foot">
            <button class="quiet" disabled={!conversations.value.length} onClick={() => download('conversations.json', 'application/json', toExport(conversations.value))}><Icon name="export" />Export</button>
            <label class="button quiet"><Icon name="import" />Import<input class="hidden" type="file" accept=".json,application/json"
                onChange={(event) => { void load(event.currentTarget.files?.[0]); event.currentTarget.value = ''; }} /></label>
            <button class="quiet" aria-label={`Trash, ${trash.value.length} chat${trash.value.length === 1 ? '' : 's'}`} title="Trash" onClick={() => showTrash(true)}><Icon name="trash" /></button>
            <button class="quiet" aria-label="Keyboard" title="Keyboard (?)" onClick={() => { keyboardListOpen.value = true; }}><Icon name="keys" /></button>
        </div>
        {problem && <p role="alert" class="problem">{problem}</p>}
        {trashOpen && <TrashList close={() => showTrash(false)} />}
    </>;
});

function Entry({ entry, close }: { entry: Conversation; close: () => void }) {
    const isAnswering = entry.turns.some(isRunning);
    return <li>
        <button class="entry" title={entry.title} aria-current={entry.id === currentId.value} onClick={() => { open(entry.id); close(); }}>
            {isAnswering ? <><i class="dot ring waiting" title="Answering" /><span class="hidden">Answering: </span></> : unread.value.has(entry.id) && <><i class="dot good" title="Answered" /><span class="hidden">Answered: </span></>}
            {entry.title}</button>
        <ChatMenu conversation={entry} name={`Actions for ${entry.title}`} />
    </li>;
}

// New chats that were begun and not sent.
function UnsentDrafts({ close }: { close: () => void }) {
    const unsent = [...drafts.value.values()].filter((draft) => !isEmpty(draft) && !byId.value.has(draft.id)).sort((a, b) => b.changed - a.changed);
    if (!unsent.length) return null;
    return <section><h2>Drafts</h2><ul>{unsent.map((draft) => <li key={draft.id}>
        <button class="entry" aria-current={draft.id === currentId.value} onClick={() => { open(draft.id); close(); focusMessage(); }}>{draft.text.trim().split('\n')[0].slice(0, 60) || draft.files[0].name}</button>
    </li>)}</ul></section>;
}
