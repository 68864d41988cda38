import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { copyText } from './clipboard';
import { Composer } from './composer';
import { ConversationList } from './conversation_list';
import { toMarkdown } from './conversation';
import { focusMessage } from './focus_message';
import { Icon } from './icons';
import { SettingsPanel } from './settings_panel';
import { ask, commit, create, current, stop, streaming } from './state';
import { builtinTools } from './builtin_tools';
import { TurnView } from './turn_view';
import { node } from './watch';

export function ChatPage() {
    const [listOpen, showList] = useState(false);
    const [settingsOpen, showSettings] = useState(false);
    const [copied, setCopied] = useState(false);
    const conversation = current.value;
    const closeList = useCallback(() => showList(false), []);
    useEffect(() => {
        const onKey = (event: KeyboardEvent) => {
            if (event.key === 'Escape') { stop(); showList(false); }
            if (!(event.ctrlKey || event.metaKey)) return;
            if (event.key === 'k') { event.preventDefault(); showList(true); setTimeout(() => document.getElementById('search')?.focus()); }
            if (event.shiftKey && event.key.toLowerCase() === 'o') { event.preventDefault(); create(); focusMessage(); }
        };
        addEventListener('keydown', onKey);
        return () => removeEventListener('keydown', onKey);
    }, []);
    const copy = async () => {
        await copyText(toMarkdown(conversation));
        setCopied(true);
        setTimeout(() => setCopied(false), 2000);
    };
    return <div class={`chat ${settingsOpen ? 'with-settings' : ''}`}>
        <aside class={listOpen ? 'list open' : 'list'} aria-label="Conversations"><ConversationList close={closeList} /></aside>
        <main>
            <div class="bar">
                <button class="quiet list-button" aria-expanded={listOpen} onClick={() => showList(true)}><Icon name="list" /><span class="hidden">Chats</span></button>
                <h1>{conversation.title}</h1>
                <button class="quiet" disabled={!conversation.turns.length} onClick={() => void copy()}><Icon name="copy" /><span class="label" role="status">{copied ? 'Copied' : 'Copy as Markdown'}</span></button>
                <button class="quiet" aria-expanded={settingsOpen} onClick={() => showSettings(!settingsOpen)}><Icon name="settings" /><span class="label">Settings</span></button>
            </div>
            <Turns />
            <Composer />
        </main>
        {settingsOpen && <SettingsPanel close={() => showSettings(false)} />}
    </div>;
}


function Turns() {
    const box = useRef<HTMLDivElement>(null);
    const follows = useRef(true);
    const lastTop = useRef(0);
    const [behind, setBehind] = useState(false);
    const { turns, id } = current.value;
    useLayoutEffect(() => { follows.current = true; setBehind(false); }, [id]);
    useLayoutEffect(() => { if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight; });
    // Scrolling up lets go of the end, reaching the end takes hold of it again.
    const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLElement }) => {
        const atEnd = scrollHeight - scrollTop - clientHeight < 8;
        if (atEnd) follows.current = true;
        else if (scrollTop < lastTop.current) follows.current = false;
        lastTop.current = scrollTop;
        setBehind(!follows.current);
    };
    const catchUp = () => { follows.current = true; setBehind(false); box.current!.scrollTop = box.current!.scrollHeight; };
    return <div class="turns-frame">
        <div class="turns" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={onScroll}>
            {!turns.length && <Welcome />}
            {turns.map((turn, index) => <TurnView key={turn.id} turn={turn} isLast={index === turns.length - 1} />)}
        </div>
        {behind && <button class="catch-up" onClick={catchUp}><Icon name="down" />{streaming.value ? 'Follow the answer' : 'To the end'}</button>}
    </div>;
}

const suggestions = ['What is the capital of France?', 'Write a short poem about computers.', 'Count backwards from 10'];
const toolSuggestion = 'What is 6 times 7? Use the calculator.';

function Welcome() {
    const status = node.value;
    if (status?.status === 'loading') {
        const { stage, fraction } = status.progress ?? {};
        return <section class="welcome">
            <h2>The model is being loaded</h2>
            <p class="hint">{stage || 'Starting'}{fraction !== undefined && ` · ${(100 * fraction).toFixed(0)} %`}</p>
            <progress aria-label="Loading" value={fraction} />
        </section>;
    }
    const ready = status?.status === 'ready';
    const askWithTools = () => {
        commit({ ...current.value, settings: { ...current.value.settings, tools: JSON.stringify(builtinTools, null, 1) } });
        ask(toolSuggestion);
    };
    return <section class="welcome">
        <h2>Talk to {status?.model ?? 'the model'}</h2>
        <p class="hint">Its reasoning, the tools it calls and its answer appear as they come. Everything stays between this browser and your node.</p>
        <div class="suggestions">
            {suggestions.map((text) => <button key={text} disabled={!ready} onClick={() => ask(text)}>{text}</button>)}
            <button disabled={!ready} onClick={askWithTools}><Icon name="tool" />{toolSuggestion}</button>
        </div>
    </section>;
}
