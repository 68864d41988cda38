// Which calls the page can run, and those that run now. Its own tools run at once; a tool of an MCP server only when the user has
// said so, for each call.
import { computed, signal } from '@preact/signals';
import { isBuiltin, runBuiltin, runLater } from './builtin_tools';
import { withTurnChanged, type ToolCall, type Turn } from './conversation';
import { McpServer, mcpServers, type McpTool } from './mcp';
import { commit, find } from './state';

export interface Run { begunMs: number; abort: AbortController }
export const runs = signal<ReadonlyMap<string, Run>>(new Map());
export const runKey = (turn: string, index: number): string => `${turn} ${index}`;

const names = signal<string[] | null>(null);   // of the servers; null: not asked for yet
const servers = computed(() => (names.value ?? []).map((name) => new McpServer(name)));
let asked = false;
export function knowServers(): Promise<void> {
    if (asked) return Promise.resolve();
    asked = true;
    return mcpServers().then((found) => { names.value = found; }, () => { asked = false; });
}
export const listedServers = computed(() => servers.value);

// Functions' names have letters, digits, "_" and "-".
const safe = (name: string): string => name.replace(/[^\w-]/g, '_');
export const offeredName = ({ server, name }: Pick<McpTool, 'server' | 'name'>): string => `${safe(server)}__${safe(name)}`.slice(0, 64);
export const asFunction = (tool: McpTool): object => ({ type: 'function', function: { name: offeredName(tool), description: tool.description.slice(0, 1000), parameters: tool.parameters } });

// The server a call is for; undefined: none of those that are listed.
export const serverOf = ({ name }: ToolCall): McpServer | undefined => servers.value.find((server) => name.startsWith(`${safe(server.name)}__`));

// What follows a result: the answers' part, which knows this one.
let goOn: (place: string, turn: Turn) => void = () => undefined;
export const afterResults = (act: typeof goOn): void => { goOn = act; };

function giveResult(place: string, turnId: string, index: number, result: string): void {
    const conversation = find(place);
    const turn = conversation?.turns.find(({ id }) => id === turnId);
    if (!conversation || !turn?.calls?.[index] || turn.calls[index].result !== undefined) return;
    const answered = { ...turn, calls: turn.calls.map((call, other) => (other === index ? { ...call, result } : call)) };
    commit(withTurnChanged(conversation, answered));
    goOn(place, answered);
}

export const refuse = (place: string, turn: Turn, index: number): void => giveResult(place, turn.id, index, JSON.stringify({ error: 'The user did not allow this call.' }));

async function runAtServer(server: McpServer, call: ToolCall, abort: AbortSignal): Promise<string> {
    const tool = (await server.tools()).find((each) => offeredName(each) === call.name);
    if (!tool) throw new Error(`${server.name} has no tool for this call.`);
    return server.run(tool.name, JSON.parse(call.arguments || '{}') as object, abort);
}

export async function run(place: string, turn: Turn, index: number): Promise<void> {
    const call = turn.calls![index];
    const server = serverOf(call);
    const key = runKey(turn.id, index);
    if (runs.peek().has(key) || (!server && !isBuiltin(call))) return;
    const abort = new AbortController();
    runs.value = new Map(runs.peek()).set(key, { begunMs: Date.now(), abort });
    const result = await (isBuiltin(call) ? runLater(call) : runAtServer(server!, call, abort.signal))
        .catch((error: Error) => JSON.stringify({ error: abort.signal.aborted ? 'The user ended this call.' : error.message }));
    const left = new Map(runs.peek());
    left.delete(key);
    runs.value = left;
    giveResult(place, turn.id, index, result);
}

// After an answer: what can be told at once, and what the page runs without asking.
export const resultsAtOnce = (turn: Turn): ToolCall[] | undefined => turn.calls?.map((call) => ({ ...call, result: call.result ?? runBuiltin(call) }));
export function runOwn(place: string, turn: Turn): void {
    turn.calls?.forEach((call, index) => { if (call.result === undefined && isBuiltin(call)) void run(place, turn, index); });
}
