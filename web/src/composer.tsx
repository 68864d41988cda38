import { useEffect, useRef, useState } from 'preact/hooks';
import { readFile } from './attached_files';
import { ask, isBusy, stop } from './asking';
import { contextUsed, type AttachedFile, type Settings } from './conversation';
import { changeDraft, drafts } from './drafts';
import { Icon } from './icons';
import { commit, current, currentId } from './state';
import { node } from './watch';

const count = (value: number) => value.toLocaleString('en');

export function Composer() {
    const { text = '', files = [] } = drafts.value.get(currentId.value) ?? {};
    const change = (typed: string) => changeDraft(currentId.peek(), { text: typed });
    const setFiles = (attached: AttachedFile[]) => changeDraft(currentId.peek(), { files: attached });
    const [problem, setProblem] = useState('');
    const [dropping, setDropping] = useState(false);
    const field = useRef<HTMLTextAreaElement>(null);
    const busy = isBusy();
    const canSend = !busy && (text.trim() !== '' || files.length > 0);
    const send = () => {
        if (!canSend) return;
        ask(text.trim(), files);
        changeDraft(currentId.peek(), { text: '', files: [] });
    };
    const attach = async (chosen: Iterable<File>) => {
        setProblem('');
        const place = currentId.peek();
        for (const file of chosen) {
            try {
                const read = await readFile(file);
                changeDraft(place, { files: [...drafts.peek().get(place)?.files ?? [], read] });
            } catch (error) { setProblem((error as Error).message); }
        }
        field.current?.focus();
    };
    useEffect(() => { field.current?.focus(); }, [currentId.value]);
    useFileDrop(setDropping, (chosen) => void attach(chosen));
    return <form class={`composer ${dropping ? 'dropping' : ''}`} onSubmit={(event) => { event.preventDefault(); send(); }}>
        {files.length > 0 && <ul class="files" aria-label="Attached files">{files.map((file) => <li key={file}>
            <Icon name="file" /><span>{file.name}</span><span class="soft">{count(file.tokens ?? 0)} tokens</span>
            <button type="button" class="quiet small" aria-label={`Remove ${file.name}`} onClick={() => setFiles(files.filter((other) => other !== file))}><Icon name="close" /></button>
        </li>)}</ul>}
        {problem && <p role="alert" class="problem">{problem}</p>}
        <textarea id="message" ref={field} aria-label="Message" dir="auto" rows={1} placeholder="Ask something. Enter sends, Shift+Enter starts a line" value={text}
            onInput={(event) => change(event.currentTarget.value)}
            onPaste={(event) => { const pasted = [...event.clipboardData?.files ?? []]; if (pasted.length) { event.preventDefault(); void attach(pasted); } }}
            onKeyDown={(event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } }} />
        <div class="tools">
            <label class="button quiet" title="Attach a text file, or drop one anywhere"><Icon name="attach" /><span class="hidden">Attach a text file</span>
                <input class="hidden" type="file" multiple onChange={(event) => { void attach([...event.currentTarget.files ?? []]); event.currentTarget.value = ''; }} /></label>
            <Effort />
            <ContextLeft files={files} />
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

// What the conversation and the attached files leave of the context.
function ContextLeft({ files }: { files: AttachedFile[] }) {
    const length = node.value?.context_length;
    if (!length) return <span class="context" />;
    const added = files.reduce((sum, file) => sum + (file.tokens ?? 0), 0);
    const left = length - (contextUsed(current.value) ?? 0) - added;
    return <span class={left < 0 ? 'context problem' : 'context'} role={left < 0 ? 'alert' : undefined}>
        {left < 0 ? `${count(-left)} tokens too many` : <>{count(left)}<span class="label"> of {count(length)} tokens</span> left</>}</span>;
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
