// Receipts: the last ones, for operators; any other by its reply's id. Each can be checked in the page.
import { useEffect, useState } from 'preact/hooks';
import { fetchReceipt, fetchReceipts, type Receipt } from './api';
import type { Verdict } from './receipt_check';
import { node } from './watch';

export function Receipts() {
    const [receipts, set] = useState<Receipt[]>([]);
    const [id, change] = useState('');
    const [problem, setProblem] = useState('');
    const isAdmin = node.value?.admin === true;
    useEffect(() => {
        if (!isAdmin) return undefined;
        const look = () => void fetchReceipts().then((found) => set((before) => [...before.filter(({ message }) => !found.some((other) => other.message.id === message.id) && asked.has(message.id)), ...found]), () => undefined);
        look();
        const timer = setInterval(() => { if (!document.hidden) look(); }, 5000);
        return () => clearInterval(timer);
    }, [isAdmin]);
    const find = async () => {
        try {
            const found = await fetchReceipt(id.trim());
            asked.add(found.message.id);
            set((before) => [found, ...before.filter(({ message }) => message.id !== found.message.id)]);
            setProblem('');
            change('');
        } catch (error) { setProblem((error as Error).message); }
    };
    return <section class="card"><h2>Receipts</h2>
        <form class="row wrap at-end" onSubmit={(event) => { event.preventDefault(); void find(); }}>
            <label class="grow">A reply's id <input spellcheck={false} placeholder="resp_… or chatcmpl-…" value={id} onInput={(event) => change(event.currentTarget.value)} /></label>
            <button disabled={!id.trim()}>Find its receipt</button></form>
        {problem && <p role="alert" class="problem">{problem}</p>}
        {receipts.length > 0 && <div class="scrolling" tabIndex={0} role="region" aria-label="Receipts"><table>
            <thead><tr><th scope="col">Reply</th><th scope="col">Ended</th><th scope="col">Prompt</th><th scope="col">Answer</th><th scope="col">Signature</th></tr></thead>
            <tbody>{receipts.map((receipt) => <Row key={receipt.message.id} receipt={receipt} />)}</tbody></table></div>}
    </section>;
}

const asked = new Set<string>();   // found by their id: they stay when the list is asked for again

function Row({ receipt }: { receipt: Receipt }) {
    const [verdict, tell] = useState<Verdict | null>(null);
    const { id, completedAt, promptTokens, outputTokens } = receipt.message;
    const check = async () => {
        const { verdictOn } = await import('./receipt_check');
        tell(verdictOn(receipt, node.value?.card?.provenance?.composite_sha256));
    };
    return <tr><td><code>{id.length > 24 ? `${id.slice(0, 23)}…` : id}</code></td><td>{new Date(Number(completedAt) * 1000).toLocaleString()}</td>
        <td>{promptTokens.toLocaleString('en')}</td><td>{outputTokens.toLocaleString('en')}</td>
        <td>{verdict ? <span role="status" class={verdict.holds ? 'good' : 'problem'}>{verdict.words}</span> : <button class="small" aria-label={`Check the receipt of ${id}`} onClick={() => void check()}>Check</button>}</td></tr>;
}
