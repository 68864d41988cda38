import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { keyRefused, needsKey, setKey } from './api';
import { ChatPage } from './chat_page';
import { focusMessage } from './focus_message';
import { Icon } from './icons';
import { rate } from './rate';
import { addressOf, bringBack, byId, currentId, discarded, page, storageProblem } from './state';
import { ThemeSwitch } from './theme';
import { awaySince, node } from './watch';

export function App() {
    return <>
        <header class="top">
            <strong class="brand">gpt-oss-node</strong>
            <nav aria-label="Pages">
                <a href={addressOf(currentId.value)} aria-current={page.value === 'chat' ? 'page' : undefined}>Chat</a>
                <a href="#connect" aria-current={page.value === 'connect' ? 'page' : undefined}>Connect</a>
                <a href="#machine" aria-current={page.value === 'machine' ? 'page' : undefined}>Machine</a>
            </nav>
            <span class="node" role="status"><NodeWords /></span>
            <Speed />
            <ThemeSwitch />
        </header>
        {awaySince.value !== null && <p class="banner" role="alert">The node does not answer. Trying again every second; nothing here is lost.</p>}
        {storageProblem.value && <p class="banner" role="alert">{storageProblem.value}</p>}
        {needsKey.value && <Login />}
        {page.value === 'machine' ? <Machine /> : page.value === 'connect' ? <Connect /> : <ChatPage />}
        <p class="notice" role="status"><Discarded /></p>
    </>;
}

// Below the page, where it covers nothing.
function Discarded() {
    const id = discarded.value;
    if (!id) return null;
    return <>“{byId.value.get(id)?.title}” is in the trash. <button class="small" onClick={() => bringBack(id)}>Undo</button>
        <button class="quiet small" aria-label="Close this notice" onClick={() => { discarded.value = null; }}><Icon name="close" /></button></>;
}

// The chart's code is loaded when it is looked at.
function Machine() {
    const [loaded, set] = useState<{ MachinePage: () => preact.JSX.Element } | null>(null);
    useEffect(() => { void import('./machine_page').then(set); }, []);
    return loaded ? <loaded.MachinePage /> : <main class="machine" />;
}

function Connect() {
    const [loaded, set] = useState<{ ConnectPage: () => preact.JSX.Element } | null>(null);
    useEffect(() => { void import('./connect_page').then(set); }, []);
    return loaded ? <loaded.ConnectPage /> : <main class="machine" />;
}

function NodeWords() {
    if (awaySince.value !== null) return <><i class="dot bad" />Away</>;
    const status = node.value;
    if (needsKey.value) return <><i class="dot" />Locked</>;
    if (!status) return <><i class="dot" />Connecting…</>;
    if (status.status === 'loading') return <><i class="dot" />Loading…</>;
    if (status.status !== 'ready') return <><i class="dot bad" />{status.status}</>;
    return <><i class="dot good" />{status.model}</>;
}

// Apart from the words that are read aloud when they change.
function Speed() {
    const engine = awaySince.value === null ? node.value?.engine : undefined;
    return engine?.running ? <span class="speed">{rate(engine.generated_tokens_per_second)} tok/s</span> : null;
}

function Login() {
    const [key, change] = useState('');
    const field = useRef<HTMLInputElement>(null);
    // The message's field had it, and gets it back once a key is taken: not before, or a refused key would be mended there.
    useLayoutEffect(() => { field.current!.focus(); return focusMessage; }, []);
    return <form class="login" onSubmit={(event) => { event.preventDefault(); setKey(key); }}>
        <label for="key">This node asks for an API key. It is kept until the tab is closed.</label>
        {keyRefused.value && <p role="alert" class="problem">The node refused this key.</p>}
        <div class="row">
            <input id="key" ref={field} type="password" autocomplete="current-password" value={key} onInput={(event) => change(event.currentTarget.value)} />
            <button class="strong" disabled={!key.trim()}>Log in</button>
        </div>
    </form>;
}
