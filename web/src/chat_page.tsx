import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { stop } from './asking';
import { ChatMenu } from './chat_menu';
import { Composer } from './composer';
import { ConversationList, listed } from './conversation_list';
import { isOverlaid, LineDialog } from './dialog';
import { focusMessage } from './focus_message';
import { Icon } from './icons';
import { KeyboardList, keyboardListOpen, singleKeys } from './keyboard_list';
import { liesOver, useOverlay } from './overlay';
import { keepsAnswers } from './replies';
import { SettingsPanel } from './settings_panel';
import { commit, create, current, open } from './state';
import { Turns } from './turns_view';

export function ChatPage() {
    const [listOpen, showList] = useState(false);
    const [settingsOpen, showSettings] = useState(false);
    const [renaming, rename] = useState(false);
    const conversation = current.value;
    const closeList = useCallback(() => showList(false), []);
    const list = useRef<HTMLElement>(null);
    const settings = useRef<HTMLElement>(null);
    const closeSettings = useCallback(() => showSettings(false), []);
    useOverlay(list, listOpen, closeList);
    useOverlay(settings, settingsOpen, closeSettings);
    // Whether there was one to close.
    const closeOverlay = () => {
        const [listOver, settingsOver] = [list, settings].map((box) => liesOver(box.current));
        closeList();
        if (settingsOver) closeSettings();
        return listOver || settingsOver;
    };
    useKeys(showList, closeOverlay, () => { if (current.peek().turns.length) rename(true); });
    return <div class={`chat ${settingsOpen ? 'with-settings' : ''}`}>
        <aside ref={list} tabIndex={-1} class={listOpen ? 'list open' : 'list'} aria-label="Conversations"><ConversationList close={closeList} /></aside>
        <main>
            <div class="bar">
                <button class="quiet list-button" aria-expanded={listOpen} onClick={() => showList(true)}><Icon name="list" /><span class="hidden">Chats</span></button>
                <h1>{conversation.title}</h1>
                {conversation.turns.length > 0 && <ChatMenu conversation={conversation} name="Actions for this chat" />}
                <button class="quiet" aria-expanded={settingsOpen} onClick={() => showSettings(!settingsOpen)}><Icon name="settings" /><span class="label">Settings</span></button>
            </div>
            <Turns />
            {!keepsAnswers.value && <p class="hint short">This node keeps no answers: one that is under way ends when this page is closed.</p>}
            <Composer />
        </main>
        {settingsOpen && <SettingsPanel box={settings} close={closeSettings} />}
        {renaming && <LineDialog title="Rename the chat" label="Its name" value={conversation.title} close={() => rename(false)} save={(title) => { if (title) commit({ ...current.peek(), title }); }} />}
        <KeyboardList />
    </div>;
}

const isTyping = ({ target }: KeyboardEvent): boolean => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

function step(by: number): void {
    const list = listed();
    const at = list.findIndex(({ id }) => id === current.peek().id);
    const next = list[at < 0 ? 0 : at + by];
    if (next) open(next.id);
}

function useKeys(showList: (open: boolean) => void, closeOverlay: () => boolean, rename: () => void): void {
    // With the page's first picture: who sees it may press keys.
    useLayoutEffect(() => {
        const onKey = (event: KeyboardEvent) => {
            if (isOverlaid()) return;
            const act = actOf(event);
            if (!act) return;
            event.preventDefault();
            act();
        };
        const actOf = (event: KeyboardEvent): (() => void) | undefined => {
            const { key } = event;
            if (event.ctrlKey || event.metaKey) {
                if (key === 'k') return () => { showList(true); setTimeout(() => document.getElementById('search')?.focus()); };
                return event.shiftKey && key.toLowerCase() === 'o' ? () => { create(); focusMessage(); } : undefined;
            }
            if (event.altKey) return key === 'ArrowUp' ? () => step(-1) : key === 'ArrowDown' ? () => step(1) : undefined;
            if (key === 'Escape') return () => { if (!closeOverlay()) stop(); };
            if (key === 'F2') return rename;
            if (isTyping(event) || !singleKeys.peek()) return undefined;
            if (key === '?') return () => { keyboardListOpen.value = true; };
            return key === '/' ? focusMessage : undefined;
        };
        addEventListener('keydown', onKey);
        return () => removeEventListener('keydown', onKey);
    }, []);
}
