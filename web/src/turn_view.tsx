import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { branch, isBusy, regenerate, showVersion } from './asking';
import { CallView } from './call_view';
import { isRunning, type Turn } from './conversation';
import { CopyButton } from './copy_button';
import { Icon } from './icons';
import { memo } from './memo';
import { drawing } from './nearness';
import { printing } from './printing';
import { rate } from './rate';
import { growing } from './state';
import { MarkdownView, ripeFrameChars } from './text_view';
import { WaitingWords } from './waiting_words';

// place: which of its versions, from 0. isLate: it came near when it was scrolled to.
interface TurnProperties { turn: Turn; isLast: boolean; place: number; versions: number; isLate: boolean }

export const TurnView = memo((properties: TurnProperties) => (properties.turn.role === 'user' ? <UserTurn {...properties} /> : <AnswerTurn {...properties} />));

function AnswerTurn({ turn: kept, isLast, place, versions, isLate }: TurnProperties) {
    const isStreaming = isRunning(kept);
    const turn = isStreaming ? growing(kept.id).value ?? kept : kept;
    return <article class="turn assistant" data-turn={turn.id} aria-label="Answer" aria-busy={isStreaming}>
        {turn.reasoning && <Reasoning turn={turn} isStreaming={isStreaming && !turn.text && !turn.calls} />}
        {turn.text && turn.calls && <h2 class="kind">Preamble</h2>}
        <Text text={turn.text} isStreaming={isStreaming} isLate={isLate} />
        {turn.calls?.map((call, index) => <CallView key={index} turn={turn} call={call} index={index} isStreaming={isStreaming} />)}
        {isStreaming && !turn.reasoning && !turn.text && !turn.calls && <WaitingWords id={turn.run?.id} />}
        {turn.error && <p role="alert" class="problem">{turn.error}</p>}
        <Footer turn={turn} isLast={isLast} isStreaming={isStreaming} place={place} versions={versions} />
    </article>;
}

// ‹ 2/3 ›
function Versions({ turn, place, versions }: { turn: Turn; place: number; versions: number }) {
    if (versions < 2) return null;
    return <span class="versions" role="group" aria-label="Versions">
        <button class="quiet small" aria-label="The version before" disabled={place === 0} onClick={() => showVersion(turn, place - 1)}><Icon name="left" /></button>
        <span aria-label={`Version ${place + 1} of ${versions}`}>{place + 1}/{versions}</span>
        <button class="quiet small" aria-label="The next version" disabled={place === versions - 1} onClick={() => showVersion(turn, place + 1)}><Icon name="right" /></button>
    </span>;
}

function UserTurn({ turn, place, versions }: TurnProperties) {
    const [draft, edit] = useState<string | null>(null);
    const files = turn.files?.length ? <ul class="files">{turn.files.map((file) => <li key={file}><Icon name="file" /><span>{file.name}</span>
        {file.tokens !== undefined && <span class="soft">{tokens(file.tokens)}</span>}</li>)}</ul> : null;
    if (draft === null) {
        return <article class="turn user" data-turn={turn.id} aria-label="Question"><div class="bubble">{files}<p dir="auto" class="said">{turn.text}</p></div>
            <footer><Versions turn={turn} place={place} versions={versions} /><button class="quiet small" onClick={() => edit(turn.text)}><Icon name="edit" />Edit</button></footer></article>;
    }
    const send = () => { edit(null); branch(turn, draft); };
    const onKey = (event: KeyboardEvent) => {
        if (event.key === 'Escape') { event.stopPropagation(); edit(null); }
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && draft.trim()) { event.preventDefault(); send(); }
    };
    return <form class="turn user editing" onSubmit={(event) => { event.preventDefault(); send(); }}>
        {files}
        <textarea aria-label="Edited question" dir="auto" rows={2} autofocus value={draft} onInput={(event) => edit(event.currentTarget.value)} onKeyDown={onKey} />
        <div class="row"><button class="strong" disabled={!draft.trim()}>Ask this instead</button><button type="button" onClick={() => edit(null)}>Cancel</button><span class="hint">What is here stays, as another version.</span></div>
    </form>;
}

// Drawn when it is looked at: most thoughts never are.
function Reasoning({ turn, isStreaming }: { turn: Turn; isStreaming: boolean }) {
    const [isOpen, open] = useState(false);
    const { reasoningMs, reasoningTokens } = turn.figures ?? {};
    const words = [isStreaming ? 'Thinking…' : 'Thought', !isStreaming && reasoningMs !== undefined && reasoningMs >= shortestTimeMs && `for ${seconds(reasoningMs)}`,
        reasoningTokens !== undefined && `· ${tokens(reasoningTokens)}`].filter(Boolean).join(' ');
    return <details class="reasoning" onToggle={(event) => open(event.currentTarget.open)}><summary class={isStreaming ? 'waiting' : ''}>{words}</summary>
        <div class="thoughts" tabIndex={0} role="region" aria-label="Reasoning">{isOpen && <Text text={turn.reasoning!} isStreaming={isStreaming} name="thought" />}</div></details>;
}

const tokens = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'token' : 'tokens'}`;

const shortestTimeMs = 10;   // less says nothing: the events came together
const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 995 ? 2 : 1)} s`;

function Text({ text, isStreaming, isLate = false, name = 'text' }: { text: string; isStreaming: boolean; isLate?: boolean; name?: string }) {
    const place = useRef<HTMLDivElement>(null);
    const view = useRef<MarkdownView>();
    const isPrinted = printing.value;
    useLayoutEffect(() => {
        const isFirst = !view.current;
        view.current ??= new MarkdownView(place.current!);
        if (isFirst && !isStreaming && !isPrinted && (isLate || text.length > ripeFrameChars)) return view.current.drawSlowly(text, drawing);
        view.current.update(text, !isStreaming);
        return undefined;
    }, [text, isStreaming, isPrinted]);
    return <div class={name} ref={place} />;
}

function Footer({ turn, isLast, isStreaming, place, versions }: Omit<TurnProperties, 'isLate'> & { isStreaming: boolean }) {
    const { firstTokenMs, tokensPerSecond, promptTokens, cachedTokens, completionTokens } = turn.figures ?? {};
    const words = [
        tokensPerSecond && `${rate(tokensPerSecond)} tok/s`,
        firstTokenMs !== undefined && `first token after ${seconds(firstTokenMs)}`,
        completionTokens !== undefined && tokens(completionTokens),
        promptTokens !== undefined && `prompt ${promptTokens.toLocaleString('en')}${cachedTokens ? ` (${cachedTokens.toLocaleString('en')} cached)` : ''}`,
        turn.finish === 'stopped' && 'stopped', turn.finish === 'length' && 'cut off at the token limit',
    ].filter(Boolean);
    return <footer>
        <Versions turn={turn} place={place} versions={versions} />
        {!isStreaming && turn.text && <CopyButton text={turn.text} />}
        {!isStreaming && isLast && <button class="quiet small" disabled={isBusy()} onClick={regenerate}><Icon name="again" />Regenerate</button>}
        <span class="figures">{words.join(' · ')}</span>
    </footer>;
}
