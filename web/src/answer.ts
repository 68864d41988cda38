// One answer, from the request to its last piece. The network may bring hundreds of pieces a second: they are
// collected, and shown once a frame.
import { ApiError, streamChat, type Chunk } from './api';
import { runBuiltin } from './builtin_tools';
import { newTurn, toRequest, type Conversation, type Turn } from './conversation';
import { report } from './watch';

const mostToolRounds = 8;   // a model that calls and calls is stopped here

export interface Stage {
    show(turn: Turn): void;
    // `hasResults`: every call was completed in the page, and the model may go on with the results.
    finish(turn: Turn, hasResults: boolean): void;
}

export async function streamAnswer(conversation: Conversation, abort: AbortSignal, stage: Stage): Promise<void> {
    const turn: Turn = { ...newTurn('assistant'), figures: {} };
    const begunMs = performance.now();
    let frame = 0;
    const showNow = () => { frame = 0; stage.show({ ...turn, figures: { ...turn.figures } }); };
    showNow();
    try {
        for await (const chunk of streamChat(toRequest(conversation), abort)) {
            if (chunk.error) throw new ApiError(chunk.error.message, 0);
            take(turn, chunk, performance.now() - begunMs);
            frame ||= requestAnimationFrame(showNow);
        }
    } catch (error) {
        turn.finish = abort.aborted ? 'stopped' : 'error';
        if (!abort.aborted) turn.error = wordsFor(error);
        if (turn.error) report(turn.error);
    }
    cancelAnimationFrame(frame);
    if (turn.calls && !turn.finish?.match(/stopped|error/)) turn.calls = turn.calls.map((call) => ({ ...call, result: runBuiltin(call) }));
    const rounds = conversation.turns.length - conversation.turns.findLastIndex((other) => other.role === 'user');
    stage.finish({ ...turn }, rounds < mostToolRounds && !!turn.calls?.length && turn.calls.every((call) => call.result !== undefined));
}

function take(turn: Turn, { choices, timings, usage }: Chunk, sinceStartMs: number): void {
    const figures = turn.figures!;
    const delta = choices[0]?.delta ?? {};
    const reasoning = delta.reasoning ?? delta.reasoning_content;
    const says = delta.content || delta.tool_calls;
    if (reasoning || says) {
        figures.firstTokenMs ??= sinceStartMs;
        figures.completionTokens = (figures.completionTokens ?? 0) + 1;   // a piece is a token, until the node tells the count
        const streamedMs = sinceStartMs - figures.firstTokenMs;
        if (streamedMs > 500) figures.tokensPerSecond = figures.completionTokens / streamedMs * 1000;
    }
    if (reasoning) {
        turn.reasoning = (turn.reasoning ?? '') + reasoning;
        figures.reasoningTokens = (figures.reasoningTokens ?? 0) + 1;
    }
    if (turn.reasoning && says) figures.reasoningMs ??= sinceStartMs - figures.firstTokenMs!;
    if (delta.content) turn.text += delta.content;
    for (const piece of delta.tool_calls ?? []) {
        turn.calls = [...(turn.calls ?? [])];
        const call = turn.calls[piece.index] ?? { id: '', name: '', arguments: '' };
        turn.calls[piece.index] = { id: call.id || (piece.id ?? ''), name: call.name || (piece.function?.name ?? ''), arguments: call.arguments + (piece.function?.arguments ?? '') };
    }
    if (choices[0]?.finish_reason) turn.finish = choices[0].finish_reason;
    if (timings) figures.tokensPerSecond = timings.generation_tokens_per_second;
    if (usage) Object.assign(figures, { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens,
        cachedTokens: usage.prompt_tokens_details.cached_tokens, reasoningTokens: usage.completion_tokens_details.reasoning_tokens });
}

// Ours and the node's words are for people; what the browser says about a broken connection is not.
function wordsFor(error: unknown): string {
    if (error instanceof ApiError || error instanceof SyntaxError) return error.message;
    return error instanceof TypeError && error.message.startsWith('Tools') ? error.message : 'The node cannot be reached.';
}
