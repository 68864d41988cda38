// A call of a tool: what it was given, how it goes, what it gave.
import { useEffect, useState } from 'preact/hooks';
import { setResult } from './asking';
import { isBuiltin, javascript } from './builtin_tools';
import type { ToolCall, Turn } from './conversation';
import { Icon } from './icons';
import { currentId } from './state';
import { knowServers, refuse, run, runKey, runs, serverOf } from './tool_runs';

export function CallView({ turn, call, index, isStreaming }: { turn: Turn; call: ToolCall; index: number; isStreaming: boolean }) {
    const isOpen = call.result === undefined && !isStreaming && turn.finish !== 'stopped' && turn.finish !== 'error';
    return <section class="call" aria-label={`Tool call ${call.name}`}>
        <h2><Icon name="tool" />Calls <code>{call.name}</code></h2>
        <pre dir="auto" tabIndex={0} aria-label="Arguments">{shownArguments(call) || '…'}</pre>
        {call.result !== undefined && <><h2>Result</h2><pre dir="auto" tabIndex={0} aria-label="Result">{call.result}</pre></>}
        {isOpen && <Open turn={turn} call={call} index={index} />}
    </section>;
}

// Code as code, not as a line of JSON.
function shownArguments(call: ToolCall): string {
    if (call.name !== javascript.function.name) return call.arguments;
    try { return String((JSON.parse(call.arguments) as { code?: string }).code ?? call.arguments); } catch { return call.arguments; }
}

function Open({ turn, call, index }: { turn: Turn; call: ToolCall; index: number }) {
    const place = currentId.value;
    useEffect(() => { if (call.name.includes('__')) void knowServers(); }, [call.name]);
    const going = runs.value.get(runKey(turn.id, index));
    if (going) return <Going begunMs={going.begunMs} stop={() => going.abort.abort()} />;
    const server = serverOf(call);
    if (server) {
        return <div class="row wrap" role="group" aria-label={`Allow this call of ${server.name}?`}>
            <span class="grow">Send this to <strong>{server.name}</strong>?</span>
            <button class="strong" onClick={() => void run(place, turn, index)}>Allow once</button>
            <button onClick={() => refuse(place, turn, index)}>Refuse</button>
        </div>;
    }
    if (isBuiltin(call)) return <div class="row"><button class="strong" onClick={() => void run(place, turn, index)}>Run it</button></div>;
    return <ByHand turn={turn} call={call} />;
}

function Going({ begunMs, stop }: { begunMs: number; stop: () => void }) {
    const [now, tick] = useState(Date.now());
    useEffect(() => { const timer = setInterval(() => tick(Date.now()), 1000); return () => clearInterval(timer); }, []);
    return <div class="row"><p class="hint waiting" role="status">Running…</p><span class="soft grow">{Math.max(0, Math.round((now - begunMs) / 1000))} s</span><button class="small" onClick={stop}>End this call</button></div>;
}

function ByHand({ turn, call }: { turn: Turn; call: ToolCall }) {
    const [result, change] = useState('');
    return <form onSubmit={(event) => { event.preventDefault(); setResult(turn, call, result); }}>
        <label>Its result <textarea class="code" rows={2} placeholder='{"temperature": 21}' value={result} onInput={(event) => change(event.currentTarget.value)} /></label>
        <button class="strong" disabled={!result.trim()}>Give the result</button>
    </form>;
}
