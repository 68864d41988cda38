// POST /v1/responses and what follows: an answer is the node's own work, which goes on whoever listens.
import { ApiError, request, type Schemas } from './api';

export type Response = Schemas['Response'];
export type ResponseEvent = Schemas['ResponseEvent'];

// Starts an answer that the node keeps, and tells its id. Undefined: the node keeps none.
export async function begin(body: object, abort: AbortSignal): Promise<Response | undefined> {
    try {
        return await (await request('/v1/responses', { method: 'POST', body: JSON.stringify({ ...body, store: true, background: true }), signal: abort })).json();
    } catch (error) {
        if (error instanceof ApiError && error.param === 'background') return undefined;
        throw error;
    }
}

// An answer that lasts as long as its connection.
export const stream = async (body: object, abort: AbortSignal): Promise<AsyncGenerator<ResponseEvent>> =>
    events(await request('/v1/responses', { method: 'POST', body: JSON.stringify({ ...body, store: false, stream: true }), signal: abort }));

// The events behind the one with number `after` (-1 = all), and those to come.
export const follow = async (id: string, after: number, abort: AbortSignal): Promise<AsyncGenerator<ResponseEvent>> =>
    events(await request(`/v1/responses/${encodeURIComponent(id)}?stream=true${after < 0 ? '' : `&starting_after=${after}`}`, { signal: abort }));

// Where one that is under way stands; undefined once it is over, or when nobody knows.
export const standing = async (id: string): Promise<Response['progress']> => (await (await request(`/v1/responses/${encodeURIComponent(id)}`)).json() as Response).progress;

// Ends it too, when it is still being made.
export const forget = async (id: string): Promise<void> => { await request(`/v1/responses/${encodeURIComponent(id)}`, { method: 'DELETE' }); };

async function* events(response: globalThis.Response): AsyncGenerator<ResponseEvent> {
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new EventLines();
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            for (const data of lines.push(value)) if (data !== '[DONE]') yield JSON.parse(data) as ResponseEvent;
        }
    } finally { void reader.cancel().catch(() => undefined); }
}

// Server-sent events' data lines, whatever pieces they come in.
export class EventLines {
    private rest: string[] = [];   // pieces of a line without its end: joined once, as a line may be a megabyte
    push(piece: string): string[] {
        const end = piece.lastIndexOf('\n');
        if (end < 0) { this.rest.push(piece); return []; }
        const lines = (this.rest.join('') + piece.slice(0, end)).split('\n');
        this.rest = [piece.slice(end + 1)];
        return lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6).replace(/\r$/, ''));
    }
}
