// Runs JavaScript that a model wrote: in a worker inside a frame of no origin, without network, for a few seconds.
import frame from './frames/javascript.ts?frame';

const longestRunMs = 5_000;       // of the code; the worker is ended then
const longestWaitMs = longestRunMs + 5_000;   // until the frame has begun, too
const longestResultChars = 20_000;

// What it printed and gave, as JSON for the model.
export function runJavaScript(code: string): Promise<string> {
    return new Promise((resolve) => {
        const view = document.createElement('iframe');
        const finish = (result: object) => {
            clearTimeout(limit);
            removeEventListener('message', take);
            view.remove();
            resolve(JSON.stringify(result).slice(0, longestResultChars));
        };
        const take = ({ source, data }: MessageEvent<{ output?: unknown; value?: unknown; error?: unknown }>) => {
            if (source !== view.contentWindow) return;
            const text = (value: unknown) => (value === undefined ? undefined : String(value).slice(0, longestResultChars / 4));
            finish({ output: text(data.output), result: text(data.value), error: text(data.error) });
        };
        const limit = setTimeout(() => finish({ error: 'The code did not begin or did not end.' }), longestWaitMs);
        view.setAttribute('sandbox', 'allow-scripts');
        view.title = 'JavaScript';
        view.hidden = true;
        view.src = frame;
        view.addEventListener('load', () => view.contentWindow?.postMessage({ code, longestRunMs }, '*'));
        addEventListener('message', take);
        document.body.append(view);
    });
}
