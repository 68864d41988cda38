// navigator.clipboard exists only on https and localhost; elsewhere a selected text field is copied the old way.
export async function copyText(text: string): Promise<void> {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement('textarea');
    const focused = document.activeElement as HTMLElement | null;
    field.value = text;
    field.className = 'hidden';
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
    focused?.focus();
}
