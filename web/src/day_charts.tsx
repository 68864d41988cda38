// The last hour or day as charts, and what went wrong in the last hour.
import { useEffect } from 'preact/hooks';
import { Chart } from './chart';
import { day, lookBack, span, spans } from './day';
import { happenings, node } from './watch';

const lookEveryMs = 10_000;

export function DayCharts() {
    useEffect(() => {
        void lookBack();
        const timer = setInterval(() => { if (!document.hidden) void lookBack(); }, lookEveryMs);
        return () => clearInterval(timer);
    }, [span.value]);
    const kept = day.value?.time.length ?? 0;
    return <section class="card">
        <div class="row"><h2 class="grow">The last {span.value.name} <span class="soft">{kept < 2 ? 'the node has just begun to keep it' : 'as the node kept it'}</span></h2>
            <fieldset class="segments"><legend class="hidden">How far back</legend>{spans.map((each) => <label key={each.name}>
                <input type="radio" name="span" checked={span.value === each} onChange={() => { span.value = each; }} />{each.name}</label>)}</fieldset></div>
        <Chart key={`rates ${span.value.name}`} unit="tok/s" stacked lines={[{ label: 'generation', of: ({ generation }) => generation }, { label: 'prompts', of: ({ prompt }) => prompt }]} />
        <Chart key={`queue ${span.value.name}`} unit="sequences" height={120} stacked lines={[{ label: 'running', of: ({ running }) => running }, { label: 'waiting', of: ({ waiting }) => waiting }]} />
        {node.value?.gpu && <><Chart key={`gpu ${span.value.name}`} unit="% and °C" height={140} lines={[{ label: 'GPU busy', of: ({ busy }) => busy }, { label: 'temperature', of: ({ temperature }) => temperature }]} />
            <Chart key={`power ${span.value.name}`} unit="W" height={120} lines={[{ label: 'power', of: ({ power }) => power }]} /></>}
    </section>;
}

const meanings: Partial<Record<number, string>> = { 400: 'not understood', 401: 'no key, or a wrong one', 403: 'not from there', 404: 'not there', 413: 'too large', 429: 'too many', 500: 'the node failed', 503: 'not now' };
const clock = (time: number) => new Date(time).toLocaleTimeString();

export function Troubles() {
    const errors = [...day.value?.errors ?? []].sort((a, b) => b.last_s - a.last_s);
    return <section class="card"><h2>Errors of the last hour</h2>
        {!errors.length && !happenings.value.length && <p class="hint">None.</p>}
        {errors.length > 0 && <div class="scrolling" tabIndex={0} role="region" aria-label="Replies with an error"><table>
            <thead><tr><th scope="col">Route</th><th scope="col">Status</th><th scope="col">Times</th><th scope="col">Last</th></tr></thead>
            <tbody>{errors.map(({ route, status, count, last_s }) => <tr key={route + status}>
                <td><code>{route}</code></td><td>{status} {meanings[status] && <span class="soft">{meanings[status]}</span>}</td><td>{count.toLocaleString('en')}</td><td>{clock(last_s * 1000)}</td></tr>)}</tbody></table></div>}
        {happenings.value.length > 0 && <ul class="happenings" aria-label="What this page saw">{happenings.value.map(({ time, text }) =>
            <li key={time}><time class="soft">{clock(time)}</time> {text}</li>)}</ul>}
    </section>;
}
