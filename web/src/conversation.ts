// What a conversation is: a tree of turns. Asking again and editing a question add a sibling beside the turn they
// replace, so that nothing that was said is ever lost; `chosen` says which of them is shown.
import { randomId } from './random_id';

export interface ToolCall { id: string; name: string; arguments: string; result?: string }

export interface AttachedFile { name: string; text: string; tokens?: number }

export interface Figures {
    firstTokenMs?: number; reasoningMs?: number; tokensPerSecond?: number;
    promptTokens?: number; cachedTokens?: number; completionTokens?: number; reasoningTokens?: number;
}

// The node's work on an answer, as any tab can take it up again.
export interface Run {
    id: string;        // of the stored response; empty until the node told it, and where the node stores none
    seen: number;      // sequence_number of the last event that the turn holds; -1 = none
    begunMs: number;   // Date.now() when it was asked for
    keptMs: number;    // Date.now() when a tab last kept what it said
}

export interface Turn {
    id: string;
    parent: string;    // the turn before it; empty for the first question and its versions
    createdMs: number;
    role: 'user' | 'assistant';
    text: string;
    files?: AttachedFile[];   // of a question: context the model reads before it
    reasoning?: string;
    calls?: ToolCall[];
    finish?: string;   // of an answer, once it is over: stop, tool_calls, length, stopped (by the user) or error
    error?: string;
    figures?: Figures;
    run?: Run;
}

export interface Settings {
    effort: 'low' | 'medium' | 'high';
    instructions: string;
    temperature: number;
    top_p: number;
    top_k: number;
    min_p: number;
    max_tokens: number;   // 0 = whatever is left of the context
    seed: string;         // empty = another one each time
    tools: string;        // JSON array in OpenAI's form; empty = none
}

// gpt-oss's own recommendation: sample from the whole distribution.
export const defaultSettings: Settings = { effort: 'medium', instructions: '', temperature: 1, top_p: 1, top_k: 0, min_p: 0, max_tokens: 0, seed: '', tools: '' };

export interface Conversation {
    id: string;
    changed: number;   // Date.now()
    title: string;
    pinned: boolean;
    folder: string;    // empty = none
    trashed: number;   // Date.now() when it was thrown away; 0 = it was not
    gone: boolean;     // thrown away for good: only this mark is kept, so that no tab brings it back
    settings: Settings;
    chosen: Record<string, string>;   // by a turn's id: which of the turns after it is shown
    stamps: Record<string, number>;   // by a field's name: Date.now() when it was last changed
    turns: Turn[];     // in the order of their making
}

export const newConversation = (settings: Settings = defaultSettings, id = randomId()): Conversation => ({
    id, changed: Date.now(), title: 'New chat', pinned: false, folder: '', trashed: 0, gone: false, settings: { ...settings }, chosen: {}, stamps: {}, turns: [] });

export const newTurn = (role: Turn['role'], text = '', parent = '', id = randomId()): Turn => ({ id, parent, createdMs: Date.now(), role, text });

export const newAnswer = (parent: string, id?: string): Turn =>
    ({ ...newTurn('assistant', '', parent, id), figures: {}, run: { id: '', seen: -1, begunMs: Date.now(), keptMs: Date.now() } });

export const isRunning = (turn: Turn | undefined): boolean => turn?.role === 'assistant' && turn.finish === undefined;

export const titleOf = (turn: Turn): string => (turn.text || turn.files?.[0]?.name || 'New chat').split('\n')[0].slice(0, 60);

// The turns that follow a turn: its versions. Oldest first.
const childrenOf = (turns: Turn[]): Map<string, Turn[]> => {
    const children = new Map<string, Turn[]>();
    for (const turn of turns) {
        const list = children.get(turn.parent);
        if (list) list.push(turn); else children.set(turn.parent, [turn]);
    }
    return children;
};

export interface Shown { turn: Turn; place: number; versions: Turn[] }   // versions[place] is the turn itself

// The branch that is shown: from the first question on, at each fork what was chosen, or else the newest.
export function shownTurns({ turns, chosen }: Pick<Conversation, 'turns' | 'chosen'>): Shown[] {
    const children = childrenOf(turns);
    const path: Shown[] = [];
    for (let versions = children.get(''); versions; versions = children.get(path.at(-1)!.turn.id)) {
        const wanted = chosen[versions[0].parent];
        const found = versions.findIndex((turn) => turn.id === wanted);
        const place = found < 0 ? versions.length - 1 : found;
        path.push({ turn: versions[place], place, versions });
    }
    return path;
}

export const pathOf = (conversation: Pick<Conversation, 'turns' | 'chosen'>): Turn[] => shownTurns(conversation).map(({ turn }) => turn);

// From the first question to this turn, whether or not it is shown.
export function pathTo(turns: Turn[], id: string): Turn[] {
    const byId = new Map(turns.map((turn) => [turn.id, turn]));
    const path: Turn[] = [];
    for (let turn = byId.get(id); turn && path.length < turns.length; turn = byId.get(turn.parent)) path.push(turn);
    return path.reverse();
}

// With one more turn, which is shown.
export const withTurn = (conversation: Conversation, turn: Turn): Conversation =>
    ({ ...conversation, turns: [...conversation.turns, turn], chosen: { ...conversation.chosen, [turn.parent]: turn.id } });

export const withTurnChanged = (conversation: Conversation, turn: Turn): Conversation =>
    ({ ...conversation, turns: conversation.turns.map((other) => (other.id === turn.id ? turn : other)) });

// Throws SyntaxError or TypeError with words for people when the tools are not what OpenAI's API takes.
export function parseTools(text: string): unknown[] {
    if (!text.trim()) return [];
    const tools: unknown = JSON.parse(text);
    if (!Array.isArray(tools)) throw new TypeError('Tools must be a JSON array.');
    return tools;
}

// Tokens the shown branch holds after its last answer, as the node counted them. Undefined before the first.
export function contextUsed(conversation: Conversation): number | undefined {
    const figures = pathOf(conversation).findLast((turn) => turn.figures?.promptTokens !== undefined)?.figures;
    return figures && figures.promptTokens! + (figures.completionTokens ?? 0);
}
