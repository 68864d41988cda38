import { ask } from './asking';
import { builtinTools } from './builtin_tools';
import type { Settings } from './conversation';
import { FirstStart } from './first_start';
import { Icon } from './icons';
import { commit, current } from './state';
import { node } from './watch';

const suggestions = ['What is the capital of France?', 'Write a short poem about computers.', 'Count backwards from 10'];
const toolSuggestion = 'What is 6 times 7? Use the calculator.';

export function Welcome() {
    const status = node.value;
    if (status?.status === 'loading') {
        const { stage, fraction } = status.progress ?? {};
        return <section class="welcome">
            <h2>The model is being loaded</h2>
            <p class="hint">{stage || 'Starting'}{fraction !== undefined && ` · ${(100 * fraction).toFixed(0)} %`}</p>
            <progress aria-label="Loading" value={fraction} />
        </section>;
    }
    const ready = status?.status === 'ready';
    // The demo model is small: what it is likeliest to say is right, what is less likely often is not.
    const settings = status?.card?.demo ? { temperature: 0 } : {};
    const suggest = (text: string, more: Partial<Settings> = {}) => {
        commit({ ...current.value, settings: { ...current.value.settings, ...settings, ...more } });
        ask(text);
    };
    return <section class="welcome">
        <h2>Talk to {status?.model ?? 'the model'}</h2>
        <p class="hint">Its reasoning, the tools it calls and its answer appear as they come. Everything stays between this browser and your node.</p>
        <div class="suggestions">
            {suggestions.map((text) => <button key={text} disabled={!ready} onClick={() => suggest(text)}>{text}</button>)}
            <button disabled={!ready} onClick={() => suggest(toolSuggestion, { tools: JSON.stringify(builtinTools, null, 1) })}><Icon name="tool" />{toolSuggestion}</button>
        </div>
        <FirstStart />
    </section>;
}
