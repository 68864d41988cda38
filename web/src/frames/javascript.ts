// Runs in the sandboxed frame: gives the code to a worker, which has no document and can be ended, and tells what came.
const workerCode = `
const lines = [];
let length = 0;
const show = (value) => {
    if (typeof value === 'string') return value;
    try { return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : typeof each === 'function' ? '[function]' : each)) ?? String(value); } catch { return String(value); }
};
const print = (...values) => { const line = values.map(show).join(' '); if ((length += line.length) < 20000) lines.push(line); };
self.console = { log: print, info: print, warn: print, error: print, debug: print, table: print };
onmessage = async ({ data }) => {
    const told = {};
    try {
        let value;
        try { value = (0, eval)(data); } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
            value = new (Object.getPrototypeOf(async function () {}).constructor)(data)();   // await and return, which a script has not
        }
        value = await value;
        if (value !== undefined) told.value = show(value);
    } catch (error) { told.error = String(error); }
    if (lines.length) told.output = lines.join('\\n');
    postMessage(told);
};`;

addEventListener('message', ({ source, data }: MessageEvent<{ code: string; longestRunMs: number }>) => {
    if (source !== parent || typeof data?.code !== 'string') return;
    const worker = new Worker(URL.createObjectURL(new Blob([workerCode], { type: 'text/javascript' })));
    const tell = (told: object) => { clearTimeout(limit); worker.terminate(); parent.postMessage(told, '*'); };
    const limit = setTimeout(() => tell({ error: `The code took longer than ${data.longestRunMs / 1000} s.` }), data.longestRunMs);
    worker.onmessage = (event: MessageEvent<object>) => tell(event.data);
    worker.onerror = (event) => tell({ error: event.message || 'The code could not be run.' });
    worker.postMessage(data.code);
});
