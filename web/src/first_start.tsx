// What a new node's owner sees first: that this is the demo model, what it is for, and how to get the real one.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { fetchDownload, serveDownload, startDownload, stopDownload, type Download } from './api';
import { CopyButton } from './copy_button';
import { bytes } from './memory_bar';
import { node } from './watch';

const keyName = 'gptoss-demo-known';
const known = signal(localStorage.getItem(keyName) !== null);
const lookEveryMs = 1000;

const models = [
    { name: 'gpt-oss-20b', bytes: 12.1e9, needs: 'a graphics card with 16 GB, or a CPU with as much memory and patience' },
    { name: 'gpt-oss-120b', bytes: 63.4e9, needs: 'a graphics card with 80 GB or more' },
];

export function FirstStart() {
    if (!node.value?.card?.demo) return null;
    const know = (value: boolean) => {
        if (value) localStorage.setItem(keyName, '1'); else localStorage.removeItem(keyName);
        known.value = value;
    };
    if (known.value) return <p><button class="quiet small" onClick={() => know(false)}>What this model is, and how to get the real one</button></p>;
    return <section class="card first-start" aria-labelledby="first-start">
        <h3 id="first-start">This is the demo model</h3>
        <p>It came with the node: a real gpt-oss, but of 17 million parameters instead of 20 or 120 billion. It shows that everything works — reasoning, tools,
            streaming, the API — and knows next to nothing. What it was not taught it answers with “I don't know”.</p>
        <p>The real models are downloaded once; the node serves them in its place:</p>
        <ul class="models">{models.map((model) => <li key={model.name}><span><strong>{model.name}</strong> <span class="soft">{bytes(model.bytes)}, needs {model.needs}</span></span>
            {node.value!.admin ? <StartButton name={model.name} /> : <Command text={`gpt-oss-node download ${model.name}`} />}</li>)}</ul>
        {node.value.admin ? <Progress /> : <p class="hint">Then start the node with <code>MODEL_PATH</code> set to the file, which the command tells. On the operators' port
            (<code>GPTOSS_ADMIN_PORT</code>) this page has a button for it.</p>}
        <div class="row"><button class="strong" onClick={() => know(true)}>Got it</button></div>
    </section>;
}

function Command({ text }: { text: string }) {
    return <span class="hash"><code>{text}</code><CopyButton text={text} name={`the command ${text}`} /></span>;
}

const download = signal<Download | null>(null);
const problem = signal('');
const act = (work: Promise<Download | void>) => void work.then((told) => { problem.value = ''; if (told) download.value = told; }, (error: Error) => { problem.value = error.message; });

function StartButton({ name }: { name: string }) {
    const isRunning = download.value?.state === 'running';
    return <button class="small" disabled={isRunning} onClick={() => act(startDownload(name))}>Download {name}</button>;
}

function Progress() {
    const [served, serve] = useState(false);
    useEffect(() => {
        const look = () => act(fetchDownload());
        look();
        const timer = setInterval(() => { if (!document.hidden) look(); }, lookEveryMs);
        return () => clearInterval(timer);
    }, []);
    const told = download.value;
    const { state, model, done_bytes: done = 0, total_bytes: total = 0 } = told ?? {};
    return <>
        {problem.value && <p role="alert" class="problem">{problem.value}</p>}
        {state === 'none' && <p class="hint">It will be put into {told!.folder}.</p>}
        {state === 'running' && <div class="row wrap"><progress aria-label={`Download of ${model}`} value={total ? done / total : undefined} />
            <span role="status">{model}: {bytes(done)}{total > 0 && ` of ${bytes(total)}`}</span><button class="small" onClick={() => act(stopDownload())}>Stop</button>
            {told!.event && <span class="hint">{told!.event}</span>}</div>}
        {state === 'stopped' && <p class="hint" role="status">Stopped at {bytes(done)}. Downloading again goes on from there.</p>}
        {state === 'failed' && <p role="alert" class="problem">{told!.problem}</p>}
        {state === 'done' && <div class="row wrap"><span class="grow" role="status">{model} is here, every part with the hash that was published. For every start: <code>MODEL_PATH={told!.path}</code></span>
            <button class="strong" disabled={served} onClick={() => { serve(true); act(serveDownload()); }}>{served ? 'It is being loaded…' : 'Serve it now'}</button></div>}
    </>;
}
