import { useState } from 'preact/hooks';
import { Dialog } from './dialog';
import { bringBack, discardForGood, trash } from './state';

export function TrashList({ close }: { close: () => void }) {
    return <Dialog title="Trash" close={close}>
        <p class="hint">Chats are deleted after 30 days in the trash.</p>
        {!trash.value.length && <p>The trash is empty.</p>}
        <ul class="thrown">{trash.value.map((conversation) => <li key={conversation.id} class="row">
            <span class="grow">{conversation.title}</span>
            <button class="small" aria-label={`Bring back: ${conversation.title}`} onClick={() => bringBack(conversation.id)}>Bring back</button>
            <Delete words="Delete for good" name={`Delete for good: ${conversation.title}`} act={() => discardForGood(conversation)} />
        </li>)}</ul>
        {trash.value.length > 1 && <Delete words="Delete all for good" name="Delete all for good" act={() => trash.value.forEach(discardForGood)} />}
    </Dialog>;
}

// What cannot be undone is asked twice. Going elsewhere means no.
function Delete({ words, name, act }: { words: string; name: string; act: () => void }) {
    const [asked, ask] = useState(false);
    return <button class={asked ? 'small danger' : 'small'} aria-label={asked ? `Yes, ${name}` : name} onBlur={() => ask(false)} onClick={() => { if (asked) act(); else ask(true); }}>
        {asked ? `Yes, ${words.toLowerCase()}` : words}</button>;
}
