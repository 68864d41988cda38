// The bar over a piece of code: its language and a button that copies it.
import { copyText } from './clipboard';

const copiedMs = 2000;

// "python" of class="language-python". Empty when the model named none.
export const languageOf = (code: Element): string => /(?:^| )language-([\w+#.-]{1,40})/.exec(code.className)?.[1] ?? '';

export function barButton(words: string, press: (button: HTMLButtonElement) => void): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'quiet small';
    button.textContent = words;
    button.addEventListener('click', () => press(button));
    return button;
}

// Puts `pre` into a box with a bar, and returns the box. `text`: what is copied.
export function codeBar(pre: HTMLElement, language: string, text: () => string): HTMLElement {
    const box = document.createElement('div');
    const bar = document.createElement('div');
    const name = document.createElement('span');
    box.className = 'code-box';
    bar.className = 'code-bar';
    name.textContent = language || 'text';
    const copy = barButton('Copy', (button) => {
        void copyText(text()).then(() => {
            button.textContent = 'Copied';
            setTimeout(() => { button.textContent = 'Copy'; }, copiedMs);
        });
    });
    copy.ariaLive = 'polite';   // "Copied" is told, too
    bar.append(name, copy);
    pre.tabIndex = 0;   // what scrolls must be reached without a mouse
    pre.setAttribute('role', 'region');
    pre.setAttribute('aria-label', language ? `Code, ${language}` : 'Code');
    pre.replaceWith(box);
    box.append(bar, pre);
    return box;
}
