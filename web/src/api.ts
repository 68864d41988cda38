// The node's API as the console uses it. The key lives in session storage: it is gone with the tab.
import { signal } from '@preact/signals';
import type { components, paths } from './openapi';

export const needsKey = signal(false);
export const keyRefused = signal(false);
const keyName = 'gptoss-key';

export function setKey(key: string): void {
    sessionStorage.setItem(keyName, key.trim());
    needsKey.value = false;
}

export class ApiError extends Error {
    constructor(message: string, readonly status: number, readonly param?: string | null) { super(message); }
}

export const keyOfTab = (): string => sessionStorage.getItem(keyName) ?? '';

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
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
    const body = await response.json().catch(() => null) as { error?: { message?: string; param?: string | null } } | null;
    throw new ApiError(body?.error?.message ?? `The node answered ${response.status}.`, response.status, body?.error?.param);
}

// As docs/openapi.json promises them (src/openapi.ts is made from it by `npm run check`).
export type Schemas = components['schemas'];
export type NodeStatus = Schemas['Status'];
export type Gpu = Schemas['Gpu'];
type Card = NonNullable<NodeStatus['card']>;
export type MemoryPlan = Required<Omit<NonNullable<Card['memory']>, 'host_bytes'>>;
export type EngineFigures = NonNullable<NodeStatus['engine']>;

export const fetchStatus = async (): Promise<NodeStatus> => (await request('/v1/status')).json();
export const fetchMetrics = async (): Promise<string> => (await request('/metrics')).text();
export const countTokens = async (text: string): Promise<number> =>
    (await (await request('/tokenize', { method: 'POST', body: JSON.stringify({ content: text }) })).json()).count;

// Of the request that a body would be.
export const countInput = async (body: object, abort: AbortSignal): Promise<number> =>
    (await (await request('/v1/responses/input_tokens', { method: 'POST', body: JSON.stringify(body), signal: abort })).json()).input_tokens;

export type Download = Schemas['Download'];
const json = { 'Content-Type': 'application/json' };
export const fetchDownload = async (): Promise<Download> => (await request('/admin/download')).json();
export const startDownload = async (model: string): Promise<Download> => (await request('/admin/download', { method: 'POST', body: JSON.stringify({ model }) })).json();
export const stopDownload = async (): Promise<Download> => (await request('/admin/download', { method: 'DELETE', headers: json })).json();
export const serveDownload = async (): Promise<void> => { await request('/admin/download/serve', { method: 'POST', body: '{}' }); };

export type History = Schemas['History'];
export const fetchHistory = async (seconds: number): Promise<History> => (await request(`/v1/history?seconds=${seconds}&points=360`)).json();
export type FleetNode = Schemas['Fleet']['nodes'][number];
export const fetchFleet = async (): Promise<FleetNode[]> => (await (await request('/v1/fleet')).json()).nodes;
export type Receipt = Schemas['Receipt'];
export const fetchReceipts = async (): Promise<Receipt[]> => (await (await request('/admin/receipts')).json()).receipts;
export const fetchReceipt = async (id: string): Promise<Receipt> => (await request(`/v1/receipts/${encodeURIComponent(id)}`)).json();

export type Earnings = Schemas['Earnings'];
export const fetchEarnings = async (): Promise<Earnings> => (await request('/admin/earnings')).json();

type Requests = paths['/admin/requests']['get']['responses'][200]['content']['application/json'];
export type RunningRequest = NonNullable<Requests['requests']>[number];
export type Stage = Schemas['Stage'];
export const fetchRequests = async (): Promise<RunningRequest[]> => (await (await request('/admin/requests')).json()).requests;
export const cancelRequest = async (id: string): Promise<void> => { await request(`/admin/requests/${encodeURIComponent(id)}`, { method: 'DELETE' }); };
