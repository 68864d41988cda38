// How other programs reach this node: its address, a key, and settings to paste.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import agents from '../../docs/agents.md?raw';
import { guideFor } from './agent_guide';
import { keyOfTab } from './api';
import { CopyButton } from './copy_button';
import { MarkdownView } from './text_view';
import { node } from './watch';

const placeholder = 'YOUR-KEY';

export function ConnectPage() {
    const [showsKey, show] = useState(false);
    const own = keyOfTab();
    const key = own ? (showsKey ? own : placeholder) : '';
    const model = node.value?.model ?? 'gpt-oss-120b';
    const sections = guideFor(agents, { origin: location.origin, model, key });
    const base = `${location.origin}/v1`;
    return <main class="machine connect" tabIndex={0}>
        <section class="model"><h1>Connect</h1><p class="soft">Whatever speaks OpenAI's API or Anthropic's can use this node.</p></section>
        <section class="card"><dl class="facts">
            <Fact name="Base URL" value={base} /><Fact name="Base URL, Anthropic's API" value={location.origin} /><Fact name="Model" value={model} />
            <dt>API key</dt><dd>{own ? <label><input type="checkbox" checked={showsKey} onChange={(event) => show(event.currentTarget.checked)} /> Put this tab's key into the settings below</label>
                : 'This node asks for none. Programs that insist on one may send any text.'}</dd>
        </dl></section>
        <nav aria-label="Clients" class="row wrap">{sections.map(({ name }) => <a key={name} class="button small" href={`#connect/${encodeURIComponent(name)}`}
            onClick={(event) => { event.preventDefault(); document.getElementById(idOf(name))?.scrollIntoView(); }}>{name}</a>)}</nav>
        {sections.map(({ name, text }) => <section class="card" key={name} id={idOf(name)}><h2>{name}</h2><Markdown text={text} /></section>)}
    </main>;
}

const idOf = (name: string) => `client-${name.replace(/\W+/g, '-')}`;

function Fact({ name, value }: { name: string; value: string }) {
    return <><dt>{name}</dt><dd><code>{value}</code><CopyButton text={value} name={`the ${name}`} /></dd></>;
}

function Markdown({ text }: { text: string }) {
    const place = useRef<HTMLDivElement>(null);
    const view = useRef<MarkdownView>();
    useLayoutEffect(() => { (view.current ??= new MarkdownView(place.current!)).update(text, true); }, [text]);
    return <div ref={place} />;
}
