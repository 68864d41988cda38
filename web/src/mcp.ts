// MCP servers (Model Context Protocol, Streamable HTTP) through the node, which hands messages on to those that an
// administrator has listed. https://modelcontextprotocol.io/specification/2025-06-18/basic/transports
import { ApiError, request } from './api';
import { EventLines } from './responses_api';

export interface McpTool { server: string; name: string; description: string; parameters: object }

const protocolVersion = '2025-06-18';
const mostPages = 20;         // of a list of tools
const longestResultChars = 200_000;

interface Message { id?: number | string | null; result?: Record<string, unknown>; error?: { message?: string } }

export const mcpServers = async (): Promise<string[]> => {
    const { servers } = await (await request('/v1/mcp')).json() as { servers: { name: string }[] };
    return servers.map(({ name }) => name);
};

// One server, its session begun with the first call and begun again when the server has forgotten it.
export class McpServer {
    private session: Promise<string | null> | null = null;
    private lastId = 0;

    constructor(readonly name: string) {}

    async tools(): Promise<McpTool[]> {
        const found: McpTool[] = [];
        let cursor: unknown;
        for (let page = 0; page < mostPages; page++) {
            const { tools, nextCursor } = await this.call('tools/list', cursor === undefined ? {} : { cursor }) as
                { tools?: { name: string; description?: string; inputSchema?: object }[]; nextCursor?: string };
            for (const { name, description, inputSchema } of tools ?? [])
                found.push({ server: this.name, name: String(name), description: String(description ?? ''), parameters: inputSchema ?? { type: 'object', properties: {} } });
            cursor = nextCursor;
            if (cursor === undefined) break;
        }
        return found;
    }

    // What the tool said, as text for the model. Throws Error with words for people.
    async run(tool: string, given: object, abort?: AbortSignal): Promise<string> {
        const { content, structuredContent, isError } = await this.call('tools/call', { name: tool, arguments: given }, abort) as
            { content?: { type: string; text?: string; resource?: { text?: string } }[]; structuredContent?: object; isError?: boolean };
        const pieces = (content ?? []).map((piece) => piece.text ?? piece.resource?.text ?? `(${piece.type}, which is not shown to the model)`);
        const text = (pieces.length ? pieces.join('\n') : JSON.stringify(structuredContent ?? null)).slice(0, longestResultChars);
        return isError ? JSON.stringify({ error: text }) : text;
    }

    private async call(method: string, parameters: object, abort?: AbortSignal, again = true): Promise<Record<string, unknown>> {
        const session = await (this.session ??= this.begin().catch((error) => { this.session = null; throw error; }));
        try {
            return (await this.send({ id: ++this.lastId, method, params: parameters }, session, abort)).result;
        } catch (error) {
            // 404: the server has forgotten the session.
            if (!again || !session || !(error instanceof ApiError) || error.status !== 404) throw error;
            this.session = null;
            return this.call(method, parameters, abort, false);
        }
    }

    private async begin(): Promise<string | null> {
        const clientInfo = { name: 'gpt-oss-node console', version: '1' };
        const { session } = await this.send({ id: ++this.lastId, method: 'initialize', params: { protocolVersion, capabilities: {}, clientInfo } }, null);
        await this.send({ method: 'notifications/initialized' }, session);
        return session;
    }

    private async send(message: { id?: number; method: string; params?: object }, session: string | null, abort?: AbortSignal):
    Promise<{ result: Record<string, unknown>; session: string | null }> {
        const headers: Record<string, string> = { 'MCP-Protocol-Version': protocolVersion };
        if (session) headers['Mcp-Session-Id'] = session;
        const reply = await request(`/v1/mcp/${encodeURIComponent(this.name)}`, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }), signal: abort });
        const told = reply.headers.get('Mcp-Session-Id') ?? session;
        if (message.id === undefined) return { result: {}, session: told };
        const answer = messagesOf(await reply.text(), reply.headers.get('Content-Type') ?? '').find(({ id }) => id === message.id);
        if (!answer) throw new Error(`${this.name} did not answer ${message.method}.`);
        if (answer.error) throw new Error(`${this.name}: ${answer.error.message ?? 'an error without words'}`);
        return { result: answer.result ?? {}, session: told };
    }
}

// The messages of a reply, which is one of them or an event stream of several.
export function messagesOf(text: string, contentType: string): Message[] {
    try {
        if (!contentType.startsWith('text/event-stream')) {
            const data = JSON.parse(text) as Message | Message[];
            return Array.isArray(data) ? data : [data];
        }
        return new EventLines().push(`${text}\n`).filter((data) => data.trim()).map((data) => JSON.parse(data) as Message);
    } catch { throw new Error('The MCP server answered with something that is no JSON.'); }
}
