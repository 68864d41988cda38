// What is being answered now, for operators, who may end it.
import { useEffect, useState } from 'preact/hooks';
import { cancelRequest, fetchRequests, type RunningRequest } from './api';

const count = (value: number) => value.toLocaleString('en');

function stageOf({ stage, prompt_read: read, prompt_tokens: tokens }: RunningRequest): string {
    if (stage === 'prompt') return read ? `reading its prompt, ${count(read)} of ${count(tokens)}` : 'reading its prompt';
    return { received: 'being taken in', queued: 'waits for its turn', generating: 'is answered' }[stage];
}

export function RunningRequests() {
    const [requests, set] = useState<RunningRequest[]>([]);
    const [problem, setProblem] = useState('');
    const look = () => fetchRequests().then((found) => { set(found); setProblem(''); }, (error: Error) => setProblem(error.message));
    useEffect(() => {
        void look();
        const timer = setInterval(() => { if (!document.hidden) void look(); }, 1000);
        return () => clearInterval(timer);
    }, []);
    const cancel = (id: string) => void cancelRequest(id).then(look, (error: Error) => setProblem(error.message));
    return <section class="card"><h2>Being answered</h2>
        {problem && <p role="alert" class="problem">{problem}</p>}
        {!requests.length ? <p class="hint">Nothing at the moment.</p> : <div class="scrolling" tabIndex={0} role="region" aria-label="Requests being answered"><table>
            <thead><tr><th scope="col">Client</th><th scope="col">Route</th><th scope="col">Stage</th><th scope="col">Since</th><th scope="col">Prompt</th><th scope="col">Answer</th><th scope="col"><span class="hidden">Cancel</span></th></tr></thead>
            <tbody>{requests.map((each) => ({ ...each, words: stageOf(each) })).map(({ id, client, route, words, age_ms, prompt_tokens, completion_tokens }) => <tr key={id}>
                <td>{client}</td><td><code>{route}</code></td><td>{words}</td><td>{(age_ms / 1000).toFixed(1)} s</td><td>{count(prompt_tokens)}</td><td>{count(completion_tokens)}</td>
                <td><button class="small" aria-label={`Cancel the request ${id} of ${client}`} onClick={() => cancel(id)}>Cancel</button></td>
            </tr>)}</tbody></table></div>}
    </section>;
}
