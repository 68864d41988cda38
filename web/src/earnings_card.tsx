// What the marketplace has brought the host, for operators. Nothing where sessions are off.
import { useEffect, useState } from 'preact/hooks';
import { fetchEarnings, type Earnings } from './api';

const lookEveryMs = 10_000;
const coinDigits = 18;   // the chain's own coin: its smallest unit is the wei

// "1234500000000000000" with 18 digits behind the point → "1.2345". Exact: such amounts are larger than numbers hold.
export function inCoins(smallest: string, digits = coinDigits): string {
    const padded = smallest.padStart(digits + 1, '0');
    const whole = BigInt(padded.slice(0, -digits)).toLocaleString('en');
    const rest = padded.slice(-digits).replace(/0+$/, '');
    return rest ? `${whole}.${rest}` : whole;
}

export function EarningsCard() {
    const [earnings, set] = useState<Earnings | null>(null);
    useEffect(() => {
        const look = () => void fetchEarnings().then(set, () => undefined);
        look();
        const timer = setInterval(() => { if (!document.hidden) look(); }, lookEveryMs);
        return () => clearInterval(timer);
    }, []);
    if (!earnings?.marketplace) return null;
    const { host, sessions = 0, jobs_open: jobs = 0, billed_tokens: billed = 0, proven_tokens: proven = 0, unproven_tokens: unproven = 0,
        proofs = 0, failed_transactions: failed = 0, outbox_files: outbox = 0, balance_coins: balance, credited, problem, claims } = earnings;
    const count = (value: number) => value.toLocaleString('en');
    return <section class="card" aria-label="Earnings"><h2>Earnings {host && <span class="soft">of <code>{host}</code></span>}</h2>
        {problem && <p role="alert" class="problem">{problem}</p>}
        {!claims && <p class="hint">Sessions are free here: no job pays.</p>}
        <dl class="facts">
            {credited && <><dt>Credited</dt><dd>{credited.problem ? <span class="problem">{credited.problem}</span>
                : <>{inCoins(credited.native ?? '0')} coins{credited.stable !== undefined && ` and ${BigInt(credited.stable).toLocaleString('en')} of the stablecoin's smallest unit`}; <code>gpt-oss-node earnings withdraw</code> pays it out</>}</dd></>}
            <dt>Tokens</dt><dd>{count(billed)} counted, {count(proven)} proven, {count(unproven)} to be proven</dd>
            <dt>Sessions</dt><dd>{count(sessions)} open, {count(jobs)} {jobs === 1 ? 'job' : 'jobs'} to be settled</dd>
            <dt>Proofs</dt><dd>{count(proofs)} arrived{failed > 0 && `, ${count(failed)} failed ${failed === 1 ? 'transaction' : 'transactions'}`}{outbox > 0 && `, ${count(outbox)} files wait for S5`}</dd>
            {balance !== undefined && <><dt>For gas</dt><dd>{balance.toLocaleString('en', { maximumSignificantDigits: 4 })} coins</dd></>}
        </dl></section>;
}
