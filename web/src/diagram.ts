// Diagrams that a model wrote, drawn by Mermaid in a frame that may run scripts and nothing else: an origin of its own,
// no network, no way to the page. It tells its height; the code stays a press away.
import { barButton } from './code_bar';
import frame from './frames/mermaid.ts?frame';
import { onSchemeChange } from './scheme';

const mostDiagrams = 30;   // in a page at once: each is a document of its own
const tallestPx = 1200;

interface Told { height?: unknown; problem?: unknown }

export function showDiagram(box: HTMLElement): void {
    if (document.querySelectorAll('.code-box iframe').length >= mostDiagrams) return;
    const code = box.querySelector('pre')!;
    const view = document.createElement('iframe');
    view.setAttribute('sandbox', 'allow-scripts');
    view.title = 'Diagram';
    view.src = frame;
    view.height = '0';
    const swap = barButton('Code', () => {
        const isDrawing = box.classList.toggle('drawing');
        view.hidden = !isDrawing;
        swap.textContent = isDrawing ? 'Code' : 'Diagram';
    });
    const send = () => view.contentWindow?.postMessage({ code: code.textContent, isDark: isDark(box) }, '*');
    view.addEventListener('load', send);
    const leave = onSchemeChange(() => { if (view.isConnected) send(); else leave(); });
    const take = ({ source, data }: MessageEvent<Told>) => {
        if (!view.isConnected) { removeEventListener('message', take); return; }
        if (source !== view.contentWindow || typeof data !== 'object') return;
        if (data.problem !== undefined) { fallBack(); return; }
        if (typeof data.height !== 'number' || !Number.isFinite(data.height)) return;
        view.height = String(Math.min(Math.max(Math.ceil(data.height), 0), tallestPx));
        if (!swap.isConnected) {
            box.classList.add('drawing');
            box.querySelector('.code-bar')!.insertBefore(swap, box.querySelector('.code-bar button'));
        }
    };
    // What is no diagram stays code.
    const fallBack = () => {
        removeEventListener('message', take);
        box.classList.remove('drawing');
        swap.remove();
        view.remove();
    };
    addEventListener('message', take);
    box.append(view);
}

function isDark(box: HTMLElement): boolean {
    const scheme = getComputedStyle(box).colorScheme;   // "light dark" where the system decides
    return scheme === 'dark' || (scheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches);
}
