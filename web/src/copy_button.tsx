// A button that copies a text, and says that it did.
import { useState } from 'preact/hooks';
import { copyText } from './clipboard';
import { Icon } from './icons';

const copiedMs = 2000;

// `name` where the button has no words of its own: what is copied.
export function CopyButton({ text, name }: { text: string; name?: string }) {
    const [copied, setCopied] = useState(false);
    const copy = async () => {
        await copyText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), copiedMs);
    };
    return <><button type="button" class="quiet small" aria-label={name && `Copy ${name}`} title={name && `Copy ${name}`} onClick={() => void copy()}>
        <Icon name={copied ? 'check' : 'copy'} />{!name && (copied ? 'Copied' : 'Copy')}</button>
    <span role="status" class="hidden">{copied ? 'Copied' : ''}</span></>;
}
