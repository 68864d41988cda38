import { signal } from '@preact/signals';
import { Dialog } from './dialog';

export const keyboardListOpen = signal(false);

// Keys without Ctrl or Alt get in the way of who speaks to the computer (WCAG 2.1.4): they can be turned off.
const keyName = 'gptoss-single-keys-off';
export const singleKeys = signal(localStorage.getItem(keyName) === null);
function allow(value: boolean): void {
    if (value) localStorage.removeItem(keyName); else localStorage.setItem(keyName, '1');
    singleKeys.value = value;
}

const keys: [string[], string][] = [
    [['Enter'], 'sends'], [['Shift', 'Enter'], 'starts a line'], [['Esc'], 'stops the answer that is shown'],
    [['Ctrl', 'K'], 'searches the chats'], [['Ctrl', 'Shift', 'O'], 'begins a new chat'],
    [['Alt', '↑'], 'shows the chat above'], [['Alt', '↓'], 'shows the chat below'], [['F2'], 'renames the chat'], [['/'], 'goes to the message'], [['?'], 'shows this list'],
];

export function KeyboardList() {
    if (!keyboardListOpen.value) return null;
    return <Dialog title="Keyboard" close={() => { keyboardListOpen.value = false; }}>
        <dl class="keys">{keys.map(([names, words]) => <><dt>{names.map((name) => <kbd key={name}>{name}</kbd>)}</dt><dd>{words}</dd></>)}</dl>
        <label><input type="checkbox" checked={singleKeys.value} onChange={(event) => allow(event.currentTarget.checked)} /> The single keys <kbd>/</kbd> and <kbd>?</kbd> work</label>
        <p class="hint">Everything else is reached with Tab.</p>
    </Dialog>;
}
