import { memo } from './memo';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ToolCall, Turn } from './conversation';
import { decorate, toBlocks, toHtml } from './markdown';
import { branch, setResult, streaming } from './state';

export function TurnView({ turn, isLast }: { turn: Turn; isLast: boolean }) {
    const isStreaming = isLast && streaming.value === turn.id;
    if (turn.role === 'user') return <UserTurn turn={turn} />;
    return <article class="turn assistant" aria-label="Answer" aria-busy={isStreaming}>
        {turn.reasoning && <Reasoning turn={turn} isStreaming={isStreaming && !turn.text && !turn.calls} />}
        <Text text={turn.text} isStreaming={isStreaming} />
        {turn.calls?.map((call, index) => <CallView key={index} turn={turn} call={call} isStreaming={isStreaming} />)}
        {isStreaming && !turn.reasoning && !turn.text && !turn.calls && <p class="hint">Waiting for the first token…</p>}
        {turn.error && <p role="alert" class="problem">{turn.error}</p>}
        {!isStreaming && <Footer turn={turn} />}
    </article>;
}

function UserTurn({ turn }: { turn: Turn }) {
    const [draft, edit] = useState<string | null>(null);
    if (draft === null) {
        return <article class="turn user" aria-label="Question"><p dir="auto" class="said">{turn.text}</p>
            <footer><button disabled={streaming.value !== null} onClick={() => edit(turn.text)}>Edit and branch</button></footer></article>;
    }
    return <form class="turn user" onSubmit={(event) => { event.preventDefault(); edit(null); branch(turn, draft); }}>
        <textarea aria-label="Edited question" dir="auto" rows={3} value={draft} onInput={(event) => edit(event.currentTarget.value)} />
        <button class="strong" disabled={!draft.trim()}>Ask in a branch</button> <button type="button" onClick={() => edit(null)}>Cancel</button>
    </form>;
}

function Reasoning({ turn, isStreaming }: { turn: Turn; isStreaming: boolean }) {
    const { reasoningMs, reasoningTokens } = turn.figures ?? {};
    const words = [isStreaming ? 'Thinking…' : 'Thought', !isStreaming && reasoningMs !== undefined && `for ${(reasoningMs / 1000).toFixed(1)} s`,
        reasoningTokens !== undefined && `· ${reasoningTokens} tokens`].filter(Boolean).join(' ');
    return <details class="reasoning"><summary>{words}</summary><p dir="auto">{turn.reasoning}</p></details>;
}

function Text({ text, isStreaming }: { text: string; isStreaming: boolean }) {
    if (!text) return null;
    const blocks = toBlocks(text);
    return <div class="text">{blocks.map((block, index) => <Block key={index} text={block} isFinal={!isStreaming || index < blocks.length - 1} />)}</div>;
}

// A block that did not change is not rendered again.
const Block = memo(({ text, isFinal }: { text: string; isFinal: boolean }) => {
    const root = useRef<HTMLDivElement>(null);
    useEffect(() => {
        if (!root.current) return;
        root.current.innerHTML = toHtml(text);
        if (isFinal) void decorate(root.current);
    }, [text, isFinal]);
    return <div class="block" dir="auto" ref={root} />;
});

function CallView({ turn, call, isStreaming }: { turn: Turn; call: ToolCall; isStreaming: boolean }) {
    const [result, change] = useState('');
    return <section class="call" aria-label={`Tool call ${call.name}`}>
        <h2>Calls <code>{call.name}</code></h2>
        <pre dir="auto">{call.arguments || '…'}</pre>
        {call.result !== undefined && <><h2>Result</h2><pre dir="auto">{call.result}</pre></>}
        {call.result === undefined && !isStreaming && turn.finish !== 'stopped' && <form onSubmit={(event) => { event.preventDefault(); setResult(turn, call, result); }}>
            <label>Its result <textarea rows={2} value={result} onInput={(event) => change(event.currentTarget.value)} /></label>
            <button class="strong" disabled={!result.trim()}>Give the result</button>
        </form>}
    </section>;
}

function Footer({ turn }: { turn: Turn }) {
    const { firstTokenMs, tokensPerSecond, promptTokens, cachedTokens, completionTokens } = turn.figures ?? {};
    const words = [
        tokensPerSecond && `${tokensPerSecond.toFixed(1)} tok/s`,
        firstTokenMs !== undefined && `first token after ${(firstTokenMs / 1000).toFixed(2)} s`,
        completionTokens !== undefined && `${completionTokens} tokens`,
        promptTokens !== undefined && `prompt ${promptTokens}${cachedTokens ? ` (${cachedTokens} cached)` : ''}`,
        turn.finish === 'stopped' && 'stopped', turn.finish === 'length' && 'cut off at the token limit',
    ].filter(Boolean);
    return <footer>{words.join(' · ')} {turn.text && <button onClick={() => void navigator.clipboard.writeText(turn.text)}>Copy</button>}</footer>;
}
