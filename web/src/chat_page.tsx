import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { fromExport, toExport, toMarkdown } from './conversation';
import { SettingsPanel } from './settings_panel';
import { ask, commit, conversations, create, current, discard, open, regenerate, stop, streaming } from './state';
import { TurnView } from './turn_view';

export function ChatPage() {
    const [listOpen, showList] = useState(false);
    const [settingsOpen, showSettings] = useState(false);
    const conversation = current.value;
    return <div class="chat">
        {listOpen || <button class="list-button" aria-expanded="false" onClick={() => showList(true)}>Chats</button>}
        <aside class={listOpen ? 'open' : ''} aria-label="Conversations">
            <ConversationList close={() => showList(false)} />
        </aside>
        <main>
            <div class="bar">
                <h1>{conversation.title}</h1>
                <label>Effort <select value={conversation.settings.effort} onChange={(event) =>
                    commit({ ...conversation, settings: { ...conversation.settings, effort: event.currentTarget.value as 'low' } })}>
                    <option>low</option><option>medium</option><option>high</option>
                </select></label>
                <button aria-expanded={settingsOpen} onClick={() => showSettings(!settingsOpen)}>Settings</button>
            </div>
            {settingsOpen && <SettingsPanel />}
            <Turns />
            <Composer />
        </main>
    </div>;
}

function Turns() {
    const box = useRef<HTMLDivElement>(null);
    const follows = useRef(true);
    const { turns } = current.value;
    useLayoutEffect(() => { if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight; });
    return <div class="turns" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        follows.current = scrollHeight - scrollTop - clientHeight < 60;
    }}>
        {!turns.length && <p class="hint">Ask the model something. What it thinks, the tools it calls and its answer are shown as they come.</p>}
        {turns.map((turn, index) => <TurnView key={turn.id} turn={turn} isLast={index === turns.length - 1} />)}
    </div>;
}

function Composer() {
    const [text, change] = useState('');
    const field = useRef<HTMLTextAreaElement>(null);
    const busy = streaming.value !== null;
    const send = () => {
        if (busy || !text.trim()) return;
        ask(text.trim());
        change('');
    };
    useEffect(() => {
        field.current?.focus();
        const onKey = (event: KeyboardEvent) => { if (event.key === 'Escape') stop(); };
        addEventListener('keydown', onKey);
        return () => removeEventListener('keydown', onKey);
    }, []);
    const canRegenerate = !busy && current.value.turns.some((turn) => turn.role === 'user');
    return <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <textarea ref={field} aria-label="Message" dir="auto" rows={3} placeholder="Message: Enter sends, Shift+Enter starts a line, Escape stops" value={text}
            onInput={(event) => change(event.currentTarget.value)}
            onKeyDown={(event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } }} />
        <div>
            {busy ? <button type="button" class="strong" onClick={stop}>Stop</button> : <button class="strong" disabled={!text.trim()}>Send</button>}
            <button type="button" disabled={!canRegenerate} onClick={regenerate}>Regenerate</button>
        </div>
    </form>;
}

function ConversationList({ close }: { close: () => void }) {
    const [search, change] = useState('');
    const [problem, setProblem] = useState('');
    const wanted = search.toLowerCase();
    const found = conversations.value.filter((entry) => !wanted || entry.title.toLowerCase().includes(wanted) || entry.turns.some((turn) => turn.text.toLowerCase().includes(wanted)));
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
        <div class="row"><button class="strong" onClick={() => { create(); close(); }}>New chat</button><button class="close" onClick={close}>Close</button></div>
        <input type="search" aria-label="Search conversations" placeholder="Search" value={search} onInput={(event) => change(event.currentTarget.value)} />
        <ul>{found.map((entry) => <li key={entry.id}>
            <button class="entry" aria-current={entry.id === current.value.id} onClick={() => { open(entry); close(); }}>{entry.title}</button>
            <button aria-label={`Delete ${entry.title}`} title="Delete" onClick={() => discard(entry.id)}>×</button>
        </li>)}</ul>
        <div class="row wrap">
            <button onClick={() => download('conversations.json', toExport(conversations.value))}>Export</button>
            <label class="button">Import<input class="hidden" type="file" accept=".json,application/json" onChange={(event) => { void load(event.currentTarget.files?.[0]); event.currentTarget.value = ''; }} /></label>
            <button onClick={() => void navigator.clipboard.writeText(toMarkdown(current.value))}>Copy as Markdown</button>
        </div>
        {problem && <p role="alert" class="problem">{problem}</p>}
    </>;
}

function download(name: string, text: string): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
