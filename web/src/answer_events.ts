// What the events of a response make of an answer's turn.
import type { Run, Turn } from './conversation';
import type { Response, ResponseEvent } from './responses_api';

interface Item { type?: string; name?: string; call_id?: string; arguments?: string; content?: { text?: string }[]; summary?: { text?: string }[] }

const shortestMeasureMs = 500;   // of an answer that goes on
const shortestWholeMs = 100;     // of one that is over: events that came together measure the network

// Takes events into its turn, and measures them. `isLive`: from the first event on as they were made, not read again later.
export class AnswerReader {
    private firstMs = 0;
    private lastMs = 0;
    private pieces = 0;
    private summaryOnly = false;

    constructor(readonly turn: Turn & { run: Run }, private readonly isLive: boolean) {
        this.turn.figures = { ...turn.figures };
        this.turn.calls = turn.calls?.map((call) => ({ ...call }));
        this.turn.run = { ...turn.run };
    }

    // False: the turn holds it already.
    take(event: ResponseEvent, nowMs: number): boolean {
        const { turn } = this;
        const ending = event.response && /^response\.(completed|incomplete|failed)$/.test(event.type) ? event.response : undefined;
        // The last event comes again as a sign of life; the end of one that was interrupted has the number 0.
        if (event.sequence_number <= turn.run.seen && !ending) return false;
        turn.run.seen = Math.max(turn.run.seen, event.sequence_number);
        if (event.delta !== undefined) this.grow(event.type, event.delta, nowMs);
        const item = event.item as Item | undefined;
        if (event.type === 'response.output_item.added' && item?.type === 'function_call') this.addCall(item);
        if (event.type === 'error') throw new Error((event as { message?: string }).message ?? 'The node gave up on this answer.');
        if (ending) this.end(ending);
        return true;
    }

    private addCall({ call_id: id = '', name = '' }: Item): void {
        if (!this.turn.calls?.some((call) => call.id === id)) this.turn.calls = [...this.turn.calls ?? [], { id, name, arguments: '' }];
    }

    private grow(type: string, delta: string, nowMs: number): void {
        const { turn } = this;
        // The node tells its reasoning as a text, as a summary of the same words, or as both.
        const isSummary = type === 'response.reasoning_summary_text.delta';
        if (isSummary && !this.summaryOnly && turn.reasoning !== undefined) return;
        this.summaryOnly ||= isSummary;
        if (isSummary || type === 'response.reasoning_text.delta') {
            this.measure(nowMs);
            turn.reasoning = (turn.reasoning ?? '') + delta;
            turn.figures!.reasoningTokens = (turn.figures!.reasoningTokens ?? 0) + 1;
            return;
        }
        const call = turn.calls?.at(-1);
        if (type === 'response.output_text.delta') turn.text += delta;
        else if (type === 'response.function_call_arguments.delta' && call) turn.calls = [...turn.calls!.slice(0, -1), { ...call, arguments: call.arguments + delta }];
        else return;
        this.measure(nowMs);
        if (turn.reasoning && this.isLive) turn.figures!.reasoningMs ??= nowMs - this.firstMs;
    }

    private measure(nowMs: number): void {
        const figures = this.turn.figures!;
        figures.completionTokens = (figures.completionTokens ?? 0) + 1;   // a piece is a token, until the node tells the count
        if (!this.isLive) return;
        figures.firstTokenMs ??= nowMs - this.turn.run.begunMs;
        this.firstMs ||= nowMs;
        this.lastMs = nowMs;
        this.pieces++;
        const streamedMs = nowMs - this.firstMs;
        if (streamedMs > shortestMeasureMs) figures.tokensPerSecond = this.pieces / streamedMs * 1000;
    }

    private end({ status, output, error, usage, incomplete_details: details }: Response): void {
        const { turn } = this;
        const items = output as Item[];
        const textOf = (type: string) => items.filter((item) => item.type === type).flatMap((item) => (item.content?.length ? item.content : item.summary ?? [])).map((part) => part.text ?? '').join('');
        const [text, reasoning] = [textOf('message'), textOf('reasoning')];
        if (text.length > turn.text.length) turn.text = text;
        if (reasoning.length > (turn.reasoning?.length ?? 0)) turn.reasoning = reasoning;
        const calls = items.filter((item) => item.type === 'function_call');
        if (calls.length) turn.calls = calls.map(({ call_id: id = '', name = '', arguments: given = '' }) => ({ ...turn.calls?.find((call) => call.id === id), id, name, arguments: given }));
        // Who stops an answer here knows it already: any other end came from the node.
        const isCancelled = status === 'cancelled' || details?.reason === 'cancelled';
        turn.finish = status === 'completed' ? (calls.length ? 'tool_calls' : 'stop') : status === 'incomplete' && !isCancelled ? 'length' : 'error';
        if (turn.finish === 'error') turn.error = error?.message ?? 'The node ended this answer: it was shut down, or its operator stopped the request.';
        const figures = turn.figures!;
        if (usage) Object.assign(figures, { promptTokens: usage.input_tokens, completionTokens: usage.output_tokens,
            cachedTokens: usage.input_tokens_details.cached_tokens, reasoningTokens: usage.output_tokens_details.reasoning_tokens });
        if (!figures.reasoningTokens) delete figures.reasoningTokens;
        const streamedMs = this.lastMs - this.firstMs;
        if (this.isLive && this.pieces > 1 && streamedMs >= shortestWholeMs) figures.tokensPerSecond = (this.pieces - 1) / streamedMs * 1000;
    }
}
