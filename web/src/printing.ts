import { signal } from '@preact/signals';

// While the page is printed, every turn is drawn.
export const printing = signal(false);

const drawn = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); });

export async function printChat(): Promise<void> {
    printing.value = true;
    await drawn();
    print();
    printing.value = false;
}
addEventListener('beforeprint', () => { printing.value = true; });
addEventListener('afterprint', () => { printing.value = false; });
