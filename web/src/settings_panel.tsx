import { useState } from 'preact/hooks';
import { builtinTools } from './builtin_tools';
import { defaultSettings, parseTools, type Settings } from './conversation';
import { commit, current } from './state';

const numbers: { name: 'temperature' | 'top_p' | 'top_k' | 'min_p' | 'max_tokens'; label: string; min: number; max: number; step: number }[] = [
    { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05 },
    { name: 'top_p', label: 'Top p', min: 0, max: 1, step: 0.01 },
    { name: 'top_k', label: 'Top k (0 = all)', min: 0, max: 200000, step: 1 },
    { name: 'min_p', label: 'Min p', min: 0, max: 1, step: 0.01 },
    { name: 'max_tokens', label: 'Most tokens (0 = context)', min: 0, max: 131072, step: 1 },
];

export function SettingsPanel() {
    const { settings } = current.value;
    const [problem, setProblem] = useState('');
    const set = (change: Partial<Settings>) => commit({ ...current.value, settings: { ...current.value.settings, ...change } });
    const setTools = (tools: string) => {
        set({ tools });
        try { parseTools(tools); setProblem(''); } catch (error) { setProblem((error as Error).message); }
    };
    return <section class="settings" aria-label="Settings of this chat">
        <label class="wide">Developer instructions <textarea rows={3} dir="auto" value={settings.instructions} onInput={(event) => set({ instructions: event.currentTarget.value })} /></label>
        {numbers.map(({ name, label, ...limits }) => <label key={name}>{label}
            <input type="number" {...limits} value={settings[name]} onChange={(event) => {
                const value = Number(event.currentTarget.value);
                set({ [name]: Math.min(Math.max(Number.isFinite(value) ? value : defaultSettings[name], limits.min), limits.max) });
            }} /></label>)}
        <label>Seed <input inputMode="numeric" pattern="[0-9]*" placeholder="random" value={settings.seed} onChange={(event) => set({ seed: event.currentTarget.value.replace(/\D/g, '').slice(0, 15) })} /></label>
        <label class="wide">Tools (JSON array in OpenAI's form) <textarea rows={5} class="code" spellcheck={false} value={settings.tools} aria-invalid={problem !== ''} onInput={(event) => setTools(event.currentTarget.value)} /></label>
        {problem && <p role="alert" class="problem wide">{problem}</p>}
        <div class="wide row wrap">
            <button onClick={() => setTools(JSON.stringify(builtinTools, null, 1))}>Use the built-in calculator and clock</button>
            <button onClick={() => set({ ...defaultSettings })}>gpt-oss's defaults</button>
        </div>
    </section>;
}
