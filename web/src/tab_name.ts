// What the browser's tab is called: the page that is shown, or the chat.
import { effect } from '@preact/signals';
import { current, page } from './state';

const names: Partial<Record<string, string>> = { machine: 'Machine', connect: 'Connect' };

export function nameTab(): void { effect(() => { document.title = `${names[page.value] ?? current.value.title} · gpt-oss-node`; }); }
