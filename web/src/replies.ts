// Answers under way, in all chats at once. Each is the node's own work, so that nothing here must last: the answer in sight is read as
// it is made; the others are looked after now and then, as browsers open only six connections to a host, for all tabs together.
// An answer that no tab has kept for a while is taken up by any tab that is open. Two that read the same one do no harm: they merge.
import { effect, signal } from '@preact/signals';
import { AnswerReader } from './answer_events';
import { ApiError, needsKey } from './api';
import { isRunning, newAnswer, pathTo, withTurn, type Conversation, type Run, type Turn } from './conversation';
import * as lastWords from './last_words';
import { mergeTurns } from './merge';
import * as api from './responses_api';
import { toRequest } from './request';
import { byId, commit, find, growing, inSight, keepTurn, latest, takeStored, takeTurn } from './state';
import * as storage from './storage';
import { hear, tell } from './tabs';
import { afterResults, resultsAtOnce, runOwn } from './tool_runs';
import { report } from './watch';

const keepEveryMs = 300;
const leftAloneMs = 3_000;        // by then some tab would have kept something
const visitMs = 400;              // of reading, once something comes
const longestVisitMs = 4_000;     // for a node that is slow to say anything
const askAgainMs = 60_000;        // a question that young is asked again, when its tab went before the node took it
const answerOfTabsMs = 1_500;
const mostToolRounds = 8;         // a model that calls and calls is stopped here

export const keepsAnswers = signal(true);   // false: this node stores none, an answer ends with its page

interface Work { abort: AbortController; isLive: boolean; isOwn: boolean }   // isOwn: nobody else can go on with it
const unkept = new Map<string, { place: string; turn: Turn }>();   // shown, and not kept yet; by the turn's id
const works = new Map<string, Work>();      // by the turn's id

const runOf = (turn: Turn): Run => turn.run ?? { id: '', seen: -1, begunMs: turn.createdMs, keptMs: 0 };

const turnAt = (place: string, id: string): Turn | undefined => find(place)?.turns.find((turn) => turn.id === id);

function start(turn: Turn, isLive: boolean, isOwn: boolean): Work {
    const work = { abort: new AbortController(), isLive, isOwn };
    works.set(turn.id, work);
    return work;
}

// Asks the node for an answer that is in its conversation already.
export async function begin(place: string, turn: Turn): Promise<void> {
    const work = start(turn, true, true);
    try {
        const conversation = find(place)!;
        const body = toRequest(pathTo(conversation.turns, turn.parent), conversation.settings);
        const response = await api.begin(body, work.abort.signal);
        keepsAnswers.value = response !== undefined;
        if (!response) {
            if (!isRunning(turnAt(place, turn.id))) return;   // stopped meanwhile
            await read(place, turn, await api.stream(body, work.abort.signal), work);
            if (isRunning(turnAt(place, turn.id))) throw new ApiError('The connection ended before the answer did.', 0);
        } else if (isRunning(turnAt(place, turn.id))) {
            await keepTurn(place, { ...turn, run: { ...runOf(turn), id: response.id, keptMs: Date.now() } });
        } else {
            await api.forget(response.id).catch(() => undefined);   // stopped meanwhile
        }
    } catch (error) {
        if (!work.abort.signal.aborted) await end(place, { ...latest(turn), finish: 'error', error: wordsFor(error) });
    } finally { works.delete(turn.id); }
    tend();
}

export function stop(place: string, turn: Turn): void {
    const last = latest(turn);
    if (!isRunning(last)) return;
    const work = works.get(turn.id);
    const runId = runOf(last).id;
    if (runId || !keepsAnswers.value) work?.abort.abort();
    void end(place, { ...last, finish: 'stopped' });
}

// Reads until the answer is over, the connection is, or `work` is called off.
async function read(place: string, turn: Turn, events: AsyncGenerator<api.ResponseEvent>, work: Work): Promise<void> {
    const before = latest(turn);
    const reader = new AnswerReader({ ...before, run: runOf(before) }, work.isLive && runOf(before).seen < 0);
    const shown = growing(turn.id);
    let frame = 0;
    let keptMs = Date.now();
    let keeping = false;
    const show = () => { frame = 0; if (isRunning(reader.turn)) shown.value = { ...reader.turn, figures: { ...reader.turn.figures }, run: { ...reader.turn.run } }; };
    const keep = async () => {
        keeping = true;
        keptMs = reader.turn.run.keptMs = Date.now();
        const { seen } = reader.turn.run;
        const kept = await keepTurn(place, { ...reader.turn, run: { ...reader.turn.run } });
        keeping = false;
        if (reader.turn.run.seen === seen) unkept.delete(turn.id);
        if (kept && !isRunning(kept)) work.abort.abort();   // another tab has its end
    };
    show();
    try {
        for await (const event of events) {
            if (work.abort.signal.aborted || !isRunning(turnAt(place, turn.id))) break;   // called off, or ended in another tab
            if (!reader.take(event, Date.now())) continue;
            if (reader.turn.finish) return;
            unkept.set(turn.id, { place, turn: reader.turn });
            frame ||= requestAnimationFrame(show);
            if (!keeping && Date.now() - keptMs > keepEveryMs) void keep();
        }
    } finally {
        cancelAnimationFrame(frame);
        if (isRunning(turnAt(place, turn.id))) {
            if (reader.turn.finish) await end(place, reader.turn);
            else { show(); await keep(); }
        } else {   // what was read since is no part of it, what was shown is
            unkept.delete(turn.id);
            const ended = turnAt(place, turn.id);
            if (ended) await keepTurn(place, ended);
        }
    }
}

async function follow(place: string, turn: Turn, isLive: boolean): Promise<void> {
    const work = start(turn, isLive, false);
    const { id, seen } = runOf(latest(turn));
    let limit = isLive ? 0 : setTimeout(() => work.abort.abort(), longestVisitMs);
    try {
        const events = await api.follow(id, seen, work.abort.signal);
        if (!isLive) { clearTimeout(limit); limit = setTimeout(() => work.abort.abort(), visitMs); }
        await read(place, turn, events, work);
    } catch (error) {
        // A node that is away, loads or wants a key is asked again.
        if (error instanceof ApiError && error.status === 404) await end(place, { ...latest(turn), finish: 'error',
            error: 'The node does not have the rest of this answer any more: it was restarted, or made room for others.' });
        else if (!(error instanceof ApiError) && !(error instanceof TypeError) && !work.abort.signal.aborted)
            await end(place, { ...latest(turn), finish: 'error', error: wordsFor(error) });
    } finally {
        clearTimeout(limit);
        works.delete(turn.id);
    }
    if (work.abort.signal.aborted) tend();   // it came into sight, or went out of it
}

// An answer is over: kept for good, its tools run, its copy at the node forgotten.
async function end(place: string, turn: Turn): Promise<void> {
    const runId = runOf(turn).id;
    let ended = { ...turn };
    if (ended.finish === 'tool_calls') ended.calls = resultsAtOnce(ended);
    // What ended badly here may have ended well, or by the user's hand, in another tab.
    if (ended.finish === 'error') {
        const stored = await storage.load(place, [turn.id]).catch(() => undefined);
        if (stored?.turns[0] && !isRunning(stored.turns[0])) ended = mergeTurns(ended, stored.turns[0]);
    }
    takeTurn(place, ended);
    unkept.delete(turn.id);
    if (ended.error) report(ended.error);
    await keepTurn(place, turnAt(place, turn.id) ?? ended);   // with what has come from another tab meanwhile
    if (runId) await api.forget(runId).catch(() => undefined);
    await goOn(place, ended);
    if (ended.finish === 'tool_calls') runOwn(place, ended);
}

// Once each call has its result, the model goes on. In one tab only.
export async function goOn(place: string, turn: Turn): Promise<void> {
    const conversation = find(place);
    if (!conversation || !mayGoOn(conversation, turn)) return;
    const next = newAnswer(turn.id, `${turn.id}.next`);
    const isMine = await storage.claim(place, next.id, (stored) => (stored ? undefined : next)).catch(() => next);
    const now = find(place);
    if (!isMine || !now || !mayGoOn(now, turn)) return;
    commit(withTurn(now, next));
    await begin(place, next);
}

afterResults((place, turn) => void goOn(place, turn));

function mayGoOn({ turns }: Conversation, { id, calls, finish }: Turn): boolean {
    if (finish !== 'tool_calls' || !calls?.length || !calls.every((call) => call.result !== undefined)) return false;
    const path = pathTo(turns, id);
    const rounds = path.length - path.findLastIndex((turn) => turn.role === 'user') - 1;
    return rounds < mostToolRounds && !turns.some((turn) => turn.parent === id);
}

// Ours and the node's words are for people; what the browser says about a broken connection is not.
function wordsFor(error: unknown): string {
    if (error instanceof ApiError || error instanceof SyntaxError) return error.message;
    return error instanceof TypeError && !error.message.startsWith('Tools') ? 'The node cannot be reached.' : (error as Error).message;
}

// Looks after every answer under way: what is in sight, what no tab attends to.
let visiting = false;
export function tend(): void {
    if (needsKey.value) return;
    let leftAlone: { place: string; turn: Turn } | undefined;
    for (const conversation of byId.peek().values()) {
        for (const each of conversation.turns) {
            if (!isRunning(each)) continue;
            const turn = latest(each);
            const work = works.get(turn.id);
            const isSeen = !document.hidden && inSight(conversation, turn);
            if (work && !work.isOwn && work.isLive !== isSeen) work.abort.abort();   // taken up again below, at the next round
            if (work) continue;
            if (!runOf(turn).id) void adopt(conversation.id, turn);
            else if (isSeen) void follow(conversation.id, turn, true);
            else if (Date.now() - runOf(turn).keptMs > leftAloneMs && (!leftAlone || runOf(turn).keptMs < runOf(leftAlone.turn).keptMs)) leftAlone = { place: conversation.id, turn };
        }
    }
    if (!leftAlone || visiting) return;
    visiting = true;
    void follow(leftAlone.place, leftAlone.turn, false).finally(() => { visiting = false; });
}

// Whose question no tab seems to wait with: its page went before the node told an id.
const waitUntilMs = new Map<string, number>();
async function adopt(place: string, turn: Turn): Promise<void> {
    const until = waitUntilMs.get(turn.id);
    if (until === undefined) {
        waitUntilMs.set(turn.id, Date.now() + answerOfTabsMs);
        tell({ kind: 'who asks', turn: turn.id });
        return;
    }
    if (Date.now() < until) return;
    waitUntilMs.delete(turn.id);
    const { begunMs } = runOf(turn);
    const mine = await storage.claim(place, turn.id, (stored) => (stored && isRunning(stored) && !stored.run?.id && (stored.run?.begunMs ?? 0) === (turn.run?.begunMs ?? 0)
        ? { ...stored, run: { ...runOf(stored), begunMs: Date.now() } } : undefined)).catch(() => undefined);
    if (!mine || works.has(turn.id)) { void takeStored(place, [turn.id]); return; }
    takeTurn(place, mine);
    const isYoung = Date.now() - begunMs < askAgainMs && !mine.text && !mine.reasoning && !mine.calls;
    if (isYoung) await begin(place, mine);
    else await end(place, { ...mine, finish: 'error', error: 'The page that received this answer was closed before the end, and the node kept no copy.' });
}

export function startTending(): void {
    hear((word) => {
        if (word.kind === 'who asks' && works.get(word.turn)?.isOwn) tell({ kind: 'I ask', turn: word.turn });
        if (word.kind === 'I ask' && waitUntilMs.has(word.turn)) waitUntilMs.set(word.turn, Date.now() + 4 * answerOfTabsMs);
    });
    addEventListener('pagehide', () => lastWords.leave('turns', [...unkept.values()]));
    const takeLast = () => { for (const { place, turn } of lastWords.take<{ place: string; turn: Turn }>('turns')) void keepTurn(place, turn); };
    takeLast();
    addEventListener('storage', takeLast);   // of another tab, just closed
    setInterval(tend, 1000);
    document.addEventListener('visibilitychange', tend);
    effect(() => { void inSight.changes.value; queueMicrotask(tend); });
}
