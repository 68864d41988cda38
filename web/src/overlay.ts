// A part of the page that lies over the rest where there is no room beside it: the list of chats on a phone, the settings on a tablet.
// It takes the focus when it opens, closes when the focus goes elsewhere, and gives it back: nobody walks through what it hides.
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

export const liesOver = (box: HTMLElement | null): boolean => box !== null && getComputedStyle(box).position === 'fixed';

export function useOverlay(box: RefObject<HTMLElement>, isOpen: boolean, close: () => void): void {
    useLayoutEffect(() => {
        const element = box.current;
        if (!isOpen || !element || !liesOver(element)) return undefined;
        const before = document.activeElement as HTMLElement | null;
        const onFocus = ({ target }: FocusEvent) => { if (liesOver(element) && !element.contains(target as Node) && !(target as Element).closest('dialog, [popover]')) close(); };
        element.focus();
        document.addEventListener('focusin', onFocus);
        return () => {
            document.removeEventListener('focusin', onFocus);
            const now = document.activeElement;
            if (!now || now === document.body || element.contains(now)) before?.focus();
        };
    }, [isOpen]);
}
