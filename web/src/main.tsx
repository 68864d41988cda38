import { render } from 'preact';
import { App } from './app';
import { startTending } from './replies';
import { nameTab } from './tab_name';
import { start } from './state';
import { watchNode } from './watch';
import './style/base.css';
import './style/chat.css';
import './style/machine.css';

render(<App />, document.getElementById('app')!);
void start().then(startTending);
watchNode();
nameTab();
