// After the page has drawn what comes with it. A page that asks for the key keeps the focus there.
export function focusMessage(): void {
    setTimeout(() => { if (!document.getElementById('key')) document.getElementById('message')?.focus(); });
}
