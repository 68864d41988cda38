// What can be done with a conversation: a button that opens a small list of them.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { copyText } from './clipboard';
import type { Conversation } from './conversation';
import { LineDialog } from './dialog';
import { download, fileName } from './download';
import { toExport, toMarkdown } from './exchange_files';
import { Icon, type IconName } from './icons';
import { printChat } from './printing';
import { commit, conversations, discard, open } from './state';

const foldersOf = (list: Conversation[]): string[] => [...new Set(list.map(({ folder }) => folder).filter(Boolean))].sort();

export function ChatMenu({ conversation, name }: { conversation: Conversation; name: string }) {
    const menu = useRef<HTMLDivElement>(null);
    const button = useRef<HTMLButtonElement>(null);
    const [asked, askFor] = useState<'title' | 'folder' | null>(null);
    const [isOpen, setOpen] = useState(false);
    // Its buttons are there once it is open.
    useLayoutEffect(() => {
        if (!isOpen) return;
        const { bottom, left, right } = button.current!.getBoundingClientRect();
        const { offsetWidth, offsetHeight } = menu.current!;
        menu.current!.style.top = `${Math.max(4, Math.min(bottom + 2, innerHeight - offsetHeight - 4))}px`;
        menu.current!.style.left = `${Math.max(4, left + offsetWidth > innerWidth ? right - offsetWidth : left)}px`;
        menu.current!.querySelector('button')?.focus();
    }, [isOpen]);
    const item = (icon: IconName, words: string, act: () => void) =>
        <button class="quiet" onClick={() => { menu.current!.hidePopover(); act(); }}><Icon name={icon} />{words}</button>;
    // Up and down as in any menu; Tab works too.
    const onKey = (event: KeyboardEvent) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const buttons = [...menu.current!.querySelectorAll('button')];
        buttons[(buttons.indexOf(document.activeElement as HTMLButtonElement) + step + buttons.length) % buttons.length].focus();
    };
    return <>
        <button class="quiet small more" ref={button} aria-label={name} title={name} aria-haspopup="true" aria-expanded={isOpen} onClick={() => menu.current!.showPopover()}><Icon name="more" /></button>
        <div popover="auto" class="menu" role="group" aria-label="What can be done" ref={menu} onKeyDown={onKey} onToggle={(event) => setOpen((event as ToggleEvent).newState === 'open')}>
            {isOpen && <>
                {item('edit', 'Rename', () => askFor('title'))}
                {item('pin', conversation.pinned ? 'Unpin' : 'Pin', () => commit({ ...conversation, pinned: !conversation.pinned }))}
                {item('folder', 'Move to a folder', () => askFor('folder'))}
                {item('copy', 'Copy as Markdown', () => void copyText(toMarkdown(conversation)))}
                {item('export', 'Save as Markdown', () => download(fileName(conversation.title, 'md'), 'text/markdown', toMarkdown(conversation)))}
                {item('export', 'Share as a file', () => download(fileName(conversation.title, 'json'), 'application/json', toExport([conversation])))}
                {item('print', 'Print', () => { open(conversation.id); void printChat(); })}
                {item('trash', 'Move to the trash', () => discard(conversation))}
            </>}
        </div>
        {asked === 'title' && <LineDialog title="Rename the chat" label="Its name" value={conversation.title} close={() => askFor(null)}
            save={(title) => { if (title) commit({ ...conversation, title }); }} />}
        {asked === 'folder' && <LineDialog title="Move to a folder" label="The folder's name, empty to take the chat out" value={conversation.folder} known={foldersOf(conversations.value)} close={() => askFor(null)}
            save={(folder) => commit({ ...conversation, folder })} />}
    </>;
}
