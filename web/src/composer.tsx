import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { needsKey } from './api';
import { acceptedFiles, readFile } from './attached_files';
import { ask, isBusy, stop } from './asking';
import { ContextLeft, TooMuch, useFit } from './context_left';
import type { AttachedFile, Settings } from './conversation';
import { changeDraft, drafts } from './drafts';
import { Icon } from './icons';
import { commit, current, currentId } from './state';

const count = (value: number) => value.toLocaleString('en');

export function Composer() {
    const { text = '', files = [] } = drafts.value.get(currentId.value) ?? {};
    const change = (typed: string) => changeDraft(currentId.peek(), { text: typed });
    const setFiles = (attached: AttachedFile[]) => changeDraft(currentId.peek(), { files: attached });
    const [problem, setProblem] = useState('');
    const [reading, setReading] = useState('');   // a file's name
    const [dropping, setDropping] = useState(false);
    const field = useRef<HTMLTextAreaElement>(null);
    const busy = isBusy();
    const fit = useFit(text, files);
    const canSend = !busy && !reading && (fit?.left ?? 0) >= 0 && (text.trim() !== '' || files.length > 0);
    const send = () => {
        if (!canSend) return;
        ask(text.trim(), files);
        changeDraft(currentId.peek(), { text: '', files: [] });
        setProblem('');
    };
    const attach = async (chosen: Iterable<File>) => {
        setProblem('');
        const place = currentId.peek();
        for (const file of chosen) {
            setReading(file.name);
            try {
                const read = await readFile(file);
                changeDraft(place, { files: [...drafts.peek().get(place)?.files ?? [], read] });
            } catch (error) { setProblem((error as Error).message); }
        }
        setReading('');
        field.current?.focus();
    };
    useLayoutEffect(() => { if (!needsKey.peek()) field.current?.focus(); setProblem(''); }, [currentId.value]);
    useFileDrop(setDropping, (chosen) => void attach(chosen));
    return <form class={`composer ${dropping ? 'dropping' : ''}`} onSubmit={(event) => { event.preventDefault(); send(); }}>
        {files.length > 0 && <ul class="files" aria-label="Attached files">{files.map((file) => <li key={file}>
            <Icon name="file" /><span>{file.name}</span><span class="soft">{count(file.tokens ?? 0)} tokens</span>
            <button type="button" class="quiet small" aria-label={`Remove ${file.name}`} onClick={() => setFiles(files.filter((other) => other !== file))}><Icon name="close" /></button>
        </li>)}</ul>}
        {reading && <p class="hint waiting" role="status">Reading {reading}…</p>}
        {problem && <p role="alert" class="problem">{problem}</p>}
        <TooMuch fit={fit} remove={(out) => setFiles(files.filter((file) => !out.includes(file)))} />
        <textarea id="message" ref={field} aria-label="Message" dir="auto" rows={1} placeholder="Ask something. Enter sends, Shift+Enter starts a line" value={text}
            onInput={(event) => change(event.currentTarget.value)}
            onPaste={(event) => { const pasted = [...event.clipboardData?.files ?? []]; if (pasted.length) { event.preventDefault(); void attach(pasted); } }}
            onKeyDown={(event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } }} />
        <div class="tools">
            <label class="button quiet" title="Attach a text, a PDF or a Word document, or drop one anywhere"><Icon name="attach" /><span class="hidden">Attach a file</span>
                <input class="hidden" type="file" multiple accept={acceptedFiles} onChange={(event) => { void attach([...event.currentTarget.files ?? []]); event.currentTarget.value = ''; }} /></label>
            <Effort />
            <ContextLeft fit={fit} />
            {busy ? <button type="button" class="round strong" aria-label="Stop" title="Stop (Escape)" onClick={stop}><Icon name="stop" /></button>
                : <button class="round strong" aria-label="Send" disabled={!canSend}><Icon name="send" /></button>}
        </div>
    </form>;
}

function Effort() {
    const { settings } = current.value;
    return <fieldset class="segments"><legend class="hidden">Reasoning effort</legend>
        {(['low', 'medium', 'high'] as Settings['effort'][]).map((effort) => <label key={effort}>
            <input type="radio" name="effort" checked={settings.effort === effort} onChange={() => commit({ ...current.value, settings: { ...settings, effort } })} />{effort}
        </label>)}
    </fieldset>;
}

// Files may be dropped anywhere on the page.
function useFileDrop(setDropping: (dropping: boolean) => void, take: (files: File[]) => void): void {
    useEffect(() => {
        const over = (event: DragEvent) => { if (event.dataTransfer?.types.includes('Files')) { event.preventDefault(); setDropping(true); } };
        const leave = (event: DragEvent) => { if (!event.relatedTarget) setDropping(false); };
        const drop = (event: DragEvent) => {
            if (!event.dataTransfer?.files.length) return;
            event.preventDefault();
            setDropping(false);
            take([...event.dataTransfer.files]);
        };
        addEventListener('dragover', over);
        addEventListener('dragleave', leave);
        addEventListener('drop', drop);
        return () => { removeEventListener('dragover', over); removeEventListener('dragleave', leave); removeEventListener('drop', drop); };
    }, []);
}
