// Light, dark, or as the system has it. Kept in the browser once it is chosen.
import { signal } from '@preact/signals';
import { Icon } from './icons';

const kinds = ['system', 'light', 'dark'] as const;
type Theme = (typeof kinds)[number];
const keyName = 'gptoss-theme';

const read = (): Theme => kinds.find((kind) => kind === localStorage.getItem(keyName)) ?? 'system';
const theme = signal<Theme>(read());

const apply = (): void => { document.documentElement.style.colorScheme = theme.value === 'system' ? '' : theme.value; };
apply();
addEventListener('storage', ({ key }) => { if (key === keyName) { theme.value = read(); apply(); } });

export function ThemeSwitch() {
    const next = kinds[(kinds.indexOf(theme.value) + 1) % kinds.length];
    const change = () => {
        theme.value = next;
        if (next === 'system') localStorage.removeItem(keyName); else localStorage.setItem(keyName, next);
        apply();
    };
    return <button class="quiet theme" aria-label={`Colours: ${theme.value}. Change to ${next}`} title={`Colours: ${theme.value}`} onClick={change}>
        <Icon name={theme.value === 'dark' ? 'moon' : theme.value === 'light' ? 'sun' : 'half'} /></button>;
}
