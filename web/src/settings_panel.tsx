import type { RefObject } from 'preact';
import { useState } from 'preact/hooks';
import { defaultSettings, parseTools, type Settings } from './conversation';
import { Icon } from './icons';
import { commit, current } from './state';
import { ToolPicker } from './tool_picker';

const numbers: { name: 'temperature' | 'top_p' | 'top_k' | 'min_p' | 'max_tokens'; label: string; min: number; max: number; step: number }[] = [
    { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05 },
    { name: 'top_p', label: 'Top p', min: 0, max: 1, step: 0.01 },
    { name: 'top_k', label: 'Top k (0 = all)', min: 0, max: 200000, step: 1 },
    { name: 'min_p', label: 'Min p', min: 0, max: 1, step: 0.01 },
    { name: 'max_tokens', label: 'Most tokens (0 = all)', min: 0, max: 131072, step: 1 },
];

export function SettingsPanel({ box, close }: { box: RefObject<HTMLElement>; close: () => void }) {
    const { settings } = current.value;
    const [problem, setProblem] = useState('');
    const set = (change: Partial<Settings>) => commit({ ...current.value, settings: { ...current.value.settings, ...change } });
    const setTools = (tools: string) => {
        set({ tools });
        try { parseTools(tools); setProblem(''); } catch (error) { setProblem((error as Error).message); }
    };
    const addTools = (added: unknown[]) => {
        const nameOf = (tool: unknown) => (tool as { function?: { name?: string } }).function?.name;
        const fresh = new Set(added.map(nameOf));
        try { setTools(JSON.stringify([...parseTools(current.value.settings.tools).filter((tool) => !fresh.has(nameOf(tool))), ...added], null, 1)); } catch (error) { setProblem((error as Error).message); }
    };
    return <aside ref={box} tabIndex={-1} class="settings" aria-label="Settings of this chat">
        <div class="row"><h2>Settings of this chat</h2><button class="quiet" aria-label="Close the settings" onClick={close}><Icon name="close" /></button></div>
        <label>Developer instructions <textarea rows={4} dir="auto" placeholder="You are a careful proof-reader." value={settings.instructions} onInput={(event) => set({ instructions: event.currentTarget.value })} /></label>
        <div class="numbers">
            {numbers.map(({ name, label, ...limits }) => <label key={name}>{label}
                <input type="number" {...limits} value={settings[name]} onChange={(event) => {
                    const value = event.currentTarget.valueAsNumber;
                    set({ [name]: Math.min(Math.max(Number.isFinite(value) ? value : defaultSettings[name], limits.min), limits.max) });
                }} /></label>)}
            <label>Seed <input inputMode="numeric" pattern="[0-9]*" placeholder="random" value={settings.seed} onChange={(event) => set({ seed: event.currentTarget.value.replace(/\D/g, '').slice(0, 15) })} /></label>
        </div>
        <label>Tools (JSON array in OpenAI's form) <textarea rows={8} class="code" spellcheck={false} value={settings.tools} aria-invalid={problem !== ''} onInput={(event) => setTools(event.currentTarget.value)} /></label>
        {problem && <p role="alert" class="problem">{problem}</p>}
        <ToolPicker add={addTools} />
        <div class="row"><button onClick={() => { set({ ...defaultSettings }); setProblem(''); }}>gpt-oss's defaults</button></div>
    </aside>;
}
