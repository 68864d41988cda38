// What a person does in a conversation: asks, asks again, edits a question, gives a tool's result, stops.
import { isRunning, newAnswer, newTurn, titleOf, withTurn, withTurnChanged, type AttachedFile, type Conversation, type ToolCall, type Turn } from './conversation';
import * as replies from './replies';
import { commit, current, find, latest, shown } from './state';

function askAfter(conversation: Conversation, parent: string, text: string, files: AttachedFile[]): void {
    const question: Turn = { ...newTurn('user', text, parent), ...(files.length ? { files } : {}) };
    const title = conversation.turns.length ? conversation.title : titleOf(question);
    answerTo({ ...withTurn(conversation, question), title }, question.id);
}

function answerTo(conversation: Conversation, parent: string): void {
    const answer = newAnswer(parent);
    commit(withTurn(conversation, answer));
    void replies.begin(conversation.id, answer);
}

export const isBusy = (): boolean => isRunning(shown.value.at(-1)?.turn);

export function ask(text: string, files: AttachedFile[] = []): void {
    const last = shown.peek().at(-1)?.turn;
    if (!isRunning(last)) askAfter(current.peek(), last?.id ?? '', text, files);
}

// Says the last answer again, beside the one that is there.
export function regenerate(): void {
    const question = shown.peek().findLast(({ turn }) => turn.role === 'user')?.turn;
    if (question && !isBusy()) answerTo(current.peek(), question.id);
}

// An edited question stands beside the one it was; each keeps what followed it.
export const branch = (turn: Turn, text: string): void => askAfter(current.peek(), turn.parent, text, turn.files ?? []);

// Shows another version of a turn, and what followed it.
export function showVersion(turn: Turn, place: number): void {
    const wanted = shown.peek().find((entry) => entry.turn.id === turn.id)?.versions[place];
    const conversation = current.peek();
    if (wanted) commit({ ...conversation, chosen: { ...conversation.chosen, [turn.parent]: wanted.id } });
}

export function setResult(turn: Turn, call: ToolCall, result: string): void {
    const place = current.peek().id;
    const answered = { ...turn, calls: turn.calls!.map((other) => (other === call ? { ...other, result } : other)) };
    commit(withTurnChanged(find(place)!, answered));
    void replies.goOn(place, answered);
}

export function stop(): void {
    const last = shown.peek().at(-1)?.turn;
    if (last && isRunning(last)) replies.stop(current.peek().id, latest(last));
}
