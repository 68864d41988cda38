import { Dialog } from './dialog';
import { bringBack, discardForGood, trash } from './state';

export function TrashList({ close }: { close: () => void }) {
    return <Dialog title="Trash" close={close}>
        <p class="hint">What lies here for 30 days is forgotten.</p>
        {!trash.value.length && <p>The trash is empty.</p>}
        <ul class="thrown">{trash.value.map((conversation) => <li key={conversation.id} class="row">
            <span class="grow">{conversation.title}</span>
            <button class="small" aria-label={`Bring back: ${conversation.title}`} onClick={() => bringBack(conversation.id)}>Bring back</button>
            <button class="small" aria-label={`Delete for good: ${conversation.title}`} onClick={() => discardForGood(conversation)}>Delete for good</button>
        </li>)}</ul>
        {trash.value.length > 1 && <button onClick={() => trash.value.forEach(discardForGood)}>Delete all for good</button>}
    </Dialog>;
}
