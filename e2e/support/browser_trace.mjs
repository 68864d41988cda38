// Chromium's own trace of a page: what its main thread did, in the thread's own time, which others on the machine hardly lengthen.
const categories = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'devtools.timeline.frame', 'disabled-by-default-devtools.timeline.frame', '__metadata'];
const scriptAndLayout = /^(FunctionCall|EvaluateScript|FireAnimationFrame|RunMicrotasks|TimerFire|EventDispatch|UpdateLayoutTree|Layout|IntersectionObserverController::computeIntersections)$/;
const kept = /^(DrawFrame|DroppedFrame|RunTask|thread_name|BeginMainThreadFrame|TimeStamp)$/;

// Of a sorted list.
export const share = (sorted, part) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;

// What happened while `act` went on. `debug`: the page's CDP session.
export async function traceOf(debug, act) {
    const events = [];
    const take = ({ value }) => { for (const event of value) if (kept.test(event.name) || scriptAndLayout.test(event.name)) events.push(event); };
    debug.on('Tracing.dataCollected', take);
    await debug.send('Tracing.start', { traceConfig: { includedCategories: categories } });
    await act();
    const done = new Promise((resolve) => { debug.once('Tracing.tracingComplete', resolve); });
    await debug.send('Tracing.end');
    await done;
    debug.off('Tracing.dataCollected', take);
    return events;
}

export function onMainThread(events) {
    const main = new Set(events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
    return events.filter(({ pid, tid }) => main.has(`${pid} ${tid}`));
}

// Milliseconds, sorted.
export const tasksOf = (own) => own.filter(({ name, dur }) => name === 'RunTask' && dur).map(({ dur, tdur = dur }) => tdur / 1000).sort((a, b) => a - b);

// Each frame's milliseconds of script, style and layout, in order: events that lie within another are counted once.
export function costOfFrames(own) {
    const frames = own.filter(({ name }) => name === 'BeginMainThreadFrame').map(({ ts }) => ts).sort((a, b) => a - b);
    const costs = frames.map(() => 0);
    let covered = 0;
    let place = -1;
    for (const { ts, dur, tdur = dur } of own.filter(({ name, dur }) => dur && scriptAndLayout.test(name)).sort((a, b) => a.ts - b.ts)) {
        if (ts < covered) continue;
        covered = ts + dur;
        while (place + 1 < frames.length && frames[place + 1] <= ts) place += 1;
        if (place >= 0) costs[place] += tdur / 1000;
    }
    return costs;
}
