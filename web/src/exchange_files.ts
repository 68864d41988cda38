// Conversations as files: Markdown for people, JSON for another browser. What comes in is outside data: every field is checked.
import { defaultSettings, newConversation, pathOf, type Conversation, type Figures, type Settings, type Turn } from './conversation';
import { inOrder } from './merge';
import { randomId } from './random_id';
import { withFiles } from './request';

const formatName = 'gpt-oss-node-conversations';
const longestIdChars = 128;   // what follows a call has its id and more
const longestTitleChars = 200;

export function toMarkdown(conversation: Conversation): string {
    const turns = pathOf(conversation).map((turn) => {
        const calls = (turn.calls ?? []).map((call) => `\`${call.name}(${call.arguments})\`${call.result === undefined ? '' : ` → ${call.result}`}`);
        return [`**${turn.role === 'user' ? 'User' : 'Assistant'}**`, withFiles(turn), ...calls].filter(Boolean).join('\n\n');
    });
    return `# ${conversation.title}\n\n${turns.join('\n\n')}\n`;
}

export const toExport = (conversations: Conversation[]): string => JSON.stringify({ format: formatName, version: 2, conversations }, null, 1);

// Ids stay as they are: what is here already is merged, and imported twice it is there once. Throws SyntaxError or TypeError.
export function fromExport(text: string): Conversation[] {
    const data = JSON.parse(text) as { format?: string; conversations?: unknown } | null;
    if (data?.format !== formatName || !Array.isArray(data.conversations)) throw new TypeError('This is not an export of this console.');
    return data.conversations.map(readConversation);
}

// Also what storage held before a conversation was a tree: turns without a parent follow one another.
export function readConversation(given: unknown): Conversation {
    const entry = asObject(given);
    const conversation = newConversation(readSettings(entry.settings), readId(entry.id) ?? randomId());
    conversation.changed = readNumber(entry.changed) ?? Date.now();
    conversation.title = (readText(entry.title) ?? 'Imported').slice(0, longestTitleChars);
    conversation.pinned = entry.pinned === true;
    conversation.folder = (readText(entry.folder) ?? '').slice(0, longestTitleChars);
    conversation.stamps = readNumbers(entry.stamps);
    const known = new Set(['']);
    let last = '';
    const givenTurns = Array.isArray(entry.turns) ? entry.turns.map(asObject) : [];
    for (const [index, each] of givenTurns.entries()) {
        const turn = readTurn(each, conversation.changed - givenTurns.length + index);
        if (known.has(turn.id)) continue;
        // A parent comes before its children: no circle can be made.
        const parent = readText(each.parent);
        turn.parent = parent !== undefined && known.has(parent) ? parent : last;
        last = turn.id;
        known.add(turn.id);
        conversation.turns.push(turn);
    }
    conversation.turns.sort(inOrder);
    for (const [parent, turn] of Object.entries(asObject(entry.chosen)))
        if (known.has(parent) && conversation.turns.some((other) => other.id === turn && other.parent === parent)) conversation.chosen[parent] = turn as string;
    return conversation;
}

const asObject = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? value as Record<string, unknown> : {});
const readText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const readNumber = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
// "__proto__" as a key would change every object's own.
const readId = (value: unknown): string | undefined => (typeof value === 'string' && value.length <= longestIdChars && /^[\w.-]+$/.test(value) && !value.startsWith('__') ? value : undefined);
const readNumbers = (value: unknown): Record<string, number> =>
    Object.fromEntries(Object.entries(asObject(value)).filter((entry): entry is [string, number] => readNumber(entry[1]) !== undefined));

function readSettings(given: unknown): Settings {
    const settings = { ...defaultSettings } as Record<string, unknown>;
    for (const [name, value] of Object.entries(asObject(given))) if (Object.hasOwn(settings, name) && typeof value === typeof settings[name]) settings[name] = value;
    if (!['low', 'medium', 'high'].includes(String(settings.effort))) settings.effort = 'medium';
    return settings as unknown as Settings;
}

function readTurn(given: Record<string, unknown>, createdMs: number): Turn {
    const turn: Turn = { id: readId(given.id) ?? randomId(), parent: '', createdMs: readNumber(given.createdMs) ?? createdMs,
        role: given.role === 'assistant' ? 'assistant' : 'user', text: readText(given.text) ?? '' };
    if (Array.isArray(given.files)) {
        turn.files = given.files.map(asObject).map(({ name, text, tokens }) =>
            ({ name: readText(name) ?? 'file', text: readText(text) ?? '', ...(readNumber(tokens) === undefined ? {} : { tokens: readNumber(tokens) }) }));
    }
    if (turn.role === 'user') return turn;
    if (readText(given.reasoning)) turn.reasoning = readText(given.reasoning);
    if (Array.isArray(given.calls)) {
        turn.calls = given.calls.map(asObject).map((call) => ({ id: readText(call.id) ?? '', name: readText(call.name) ?? '', arguments: readText(call.arguments) ?? '',
            ...(readText(call.result) === undefined ? {} : { result: readText(call.result) }) }));
    }
    if (readText(given.error)) turn.error = readText(given.error);
    const figures = readNumbers(given.figures);
    if (Object.keys(figures).length) turn.figures = figures as Figures;
    // A file tells what was said; whether its node still works on it is another's business.
    turn.finish = readText(given.finish) ?? 'stopped';
    return turn;
}
