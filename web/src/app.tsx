import { useState } from 'preact/hooks';
import { needsKey, setKey } from './api';
import { ChatPage } from './chat_page';
import { MachinePage } from './machine_page';
import { away, node, page } from './state';

export function App() {
    return <>
        <header class="top">
            <strong>gpt-oss-node</strong>
            <nav aria-label="Pages">
                <a href="#chat" aria-current={page.value === 'chat' ? 'page' : undefined}>Chat</a>
                <a href="#machine" aria-current={page.value === 'machine' ? 'page' : undefined}>Machine</a>
            </nav>
            <span class="node" role="status"><NodeWords /></span>
        </header>
        {needsKey.value && <Login />}
        {page.value === 'chat' ? <ChatPage /> : <MachinePage />}
    </>;
}

function NodeWords() {
    if (away.value) return <><i class="dot bad" />The node is away. Trying again…</>;
    const status = node.value;
    if (!status) return <><i class="dot" />Connecting…</>;
    if (status.status === 'loading') {
        const fraction = status.progress?.fraction;
        return <><i class="dot" />Loading: {status.progress?.stage} {fraction !== undefined && <progress aria-label="Loading" value={fraction} />}</>;
    }
    if (status.status !== 'ready') return <><i class="dot bad" />{status.status}{status.failure && `: ${status.failure}`}</>;
    return <><i class="dot good" />{status.model}</>;
}

function Login() {
    const [key, change] = useState('');
    return <form class="login" onSubmit={(event) => { event.preventDefault(); setKey(key); }}>
        <label>This node asks for an API key. <input type="password" autocomplete="off" value={key} onInput={(event) => change(event.currentTarget.value)} /></label>
        <button disabled={!key.trim()}>Log in</button>
    </form>;
}
