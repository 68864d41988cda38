// After the page has drawn what comes with it.
export function focusMessage(): void { setTimeout(() => document.getElementById('message')?.focus()); }
