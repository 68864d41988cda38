// The node's API as the console uses it. The key lives in session storage: it is gone with the tab.
import { signal } from '@preact/signals';

export const needsKey = signal(false);
export const keyRefused = signal(false);
const keyName = 'gptoss-key';

export function setKey(key: string): void {
    sessionStorage.setItem(keyName, key.trim());
    needsKey.value = false;
}

export class ApiError extends Error {
    constructor(message: string, readonly status: number) { super(message); }
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const key = sessionStorage.getItem(keyName);
    if (key) headers.set('Authorization', `Bearer ${key}`);
    if (init.body) headers.set('Content-Type', 'application/json');
    const response = await fetch(path, { ...init, headers, cache: 'no-store' });
    if (response.ok) return response;
    if (response.status === 401) {
        needsKey.value = true;
        keyRefused.value = key !== null;
    }
    const body = await response.json().catch(() => null) as { error?: { message?: string } } | null;
    throw new ApiError(body?.error?.message ?? `The node answered ${response.status}.`, response.status);
}

export interface MemoryPlan {
    weight_bytes: number; full_kv_bytes: number; sliding_kv_bytes: number; workspace_bytes: number; runtime_bytes: number;
    free_bytes: number;   // before anything was claimed
}

export interface EngineFigures {
    running: number; waiting: number; kv_blocks_used: number; kv_blocks_cached: number; kv_blocks_total: number;
    prompt_tokens: number; cached_tokens: number; generated_tokens: number; preemptions: number;
    prompt_tokens_per_second: number; generated_tokens_per_second: number;
}

// A card tells what it knows; the rest is missing.
export interface Gpu {
    name: string; memory_used_bytes?: number; memory_total_bytes?: number; memory_ceiling_bytes?: number;
    utilization_percent?: number; temperature_celsius?: number; power_watts?: number; power_limit_watts?: number; sm_clock_mhz?: number;
    throttling?: string[]; xids?: number[]; failure?: string; obstacle?: string;
}

export interface NodeStatus {
    status: 'loading' | 'ready' | 'refusing' | 'draining' | 'failed';
    obstacle?: string;   // why it refuses new requests for the moment
    progress?: { stage: string; done_bytes: number; total_bytes: number; fraction?: number; gb_per_second?: number };
    failure?: string; model?: string; context_length?: number; device?: string; version: string; placement?: string;
    max_sequences?: number; queue_limit?: number; claimed_bytes?: number;
    card?: { layers?: number; parts?: number; memory?: MemoryPlan;
        provenance?: { composite_sha256: string; registry: string; verified: boolean; detail: string; hashes_from: string } };
    engine?: EngineFigures;
    gpu?: Gpu;
    admin?: boolean;   // told on the operators' port, where /admin/… is
}

export const fetchStatus = async (): Promise<NodeStatus> => (await request('/v1/status')).json();
export const fetchMetrics = async (): Promise<string> => (await request('/metrics')).text();
export const countTokens = async (text: string): Promise<number> =>
    (await (await request('/tokenize', { method: 'POST', body: JSON.stringify({ content: text }) })).json()).count;

export interface RunningRequest { id: string; client: string; route: string; age_ms: number; prompt_tokens: number; completion_tokens: number }
export const fetchRequests = async (): Promise<RunningRequest[]> => (await (await request('/admin/requests')).json()).requests;
export const cancelRequest = async (id: string): Promise<void> => { await request(`/admin/requests/${encodeURIComponent(id)}`, { method: 'DELETE' }); };

export interface Chunk {
    choices: { delta: { content?: string; reasoning?: string; reasoning_content?: string;
        tool_calls?: { index: number; id?: string; function: { name?: string; arguments?: string } }[] }; finish_reason: string | null }[];
    usage?: { prompt_tokens: number; completion_tokens: number; prompt_tokens_details: { cached_tokens: number };
        completion_tokens_details: { reasoning_tokens: number } } | null;
    timings?: { generation_tokens_per_second: number; prompt_ms: number; queue_ms: number };
    error?: { message: string };
}

export async function* streamChat(body: unknown, abort: AbortSignal): AsyncGenerator<Chunk> {
    const response = await request('/v1/chat/completions', { method: 'POST', body: JSON.stringify(body), signal: abort });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new EventLines();
    let ended = false;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        for (const data of lines.push(value)) {
            if (data === '[DONE]') ended = true;
            else yield JSON.parse(data) as Chunk;
        }
    }
    if (!ended) throw new ApiError('The connection ended before the answer did.', 0);
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
