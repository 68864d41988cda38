// A window over the page: the browser keeps the focus in it, closes it with Escape and gives the focus back.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icons';

export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
    const box = useRef<HTMLDialogElement>(null);
    useLayoutEffect(() => { box.current!.showModal(); }, []);
    return <dialog ref={box} aria-label={title} onClose={close} onClick={({ target }) => { if (target === box.current) close(); }}>
        <div class="row"><h2 class="grow">{title}</h2><button class="quiet" aria-label={`Close: ${title}`} onClick={close}><Icon name="close" /></button></div>
        {children}
    </dialog>;
}

export const isOverlaid = (): boolean => document.querySelector('dialog[open], [popover]:popover-open') !== null;

// One line of text. `known` is offered.
export function LineDialog({ title, label, value, known = [], save, close }: {
    title: string; label: string; value: string; known?: string[]; save: (text: string) => void; close: () => void }) {
    const [text, change] = useState(value);
    return <Dialog title={title} close={close}>
        <form class="lines" onSubmit={(event) => { event.preventDefault(); save(text.trim()); close(); }}>
            <label>{label} <input autofocus dir="auto" maxLength={200} list={known.length ? 'known' : undefined} value={text} onInput={(event) => change(event.currentTarget.value)} onFocus={(event) => event.currentTarget.select()} /></label>
            {known.length > 0 && <datalist id="known">{known.map((name) => <option key={name} value={name} />)}</datalist>}
            <div class="row"><button class="strong">Save</button><button type="button" onClick={close}>Cancel</button></div>
        </form>
    </Dialog>;
}
