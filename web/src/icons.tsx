// Line icons on a 20-unit square, drawn in the text's colour. Decoration only: the button around one has the words.
const paths = {
    send: 'M10 16V4M4.5 9.5 10 4l5.5 5.5',
    stop: 'M6 6h8v8H6z',
    attach: 'm15.5 9.5-5.3 5.3a3.2 3.2 0 0 1-4.5-4.5l5.9-5.9a2.1 2.1 0 0 1 3 3l-5.8 5.8a1 1 0 0 1-1.5-1.4l5-5',
    copy: 'M7 7h9v9H7zM13 7V4H4v9h3',
    check: 'M4 10.5 8.5 15 16 6',
    again: 'M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4',
    edit: 'M4 16l.8-3.4L13 4.4a1.8 1.8 0 0 1 2.6 2.6L7.4 15.2zM11.5 6l2.5 2.5',
    close: 'M5 5l10 10M15 5 5 15',
    plus: 'M10 4v12M4 10h12',
    list: 'M4 6h12M4 10h12M4 14h8',
    settings: 'M4 6.5h6M14 6.5h2M4 13.5h2M10 13.5h6M12 4.5v4M8 11.5v4',
    file: 'M5 3h6l4 4v10H5zM11 3v4h4',
    tool: 'M4 5l4 5-4 5M10 15h6',
    down: 'M10 4v12M4.5 10.5 10 16l5.5-5.5',
    export: 'M10 12V3M6.5 6.5 10 3l3.5 3.5M4 12v5h12v-5',
    import: 'M10 3v9M6.5 8.5 10 12l3.5-3.5M4 12v5h12v-5',
    keys: 'M3 6h14v8H3zM6 11.5h8M6 9h.01M9 9h.01M12 9h.01M14.5 9h.01',
    more: 'M5 10h.01M10 10h.01M15 10h.01',
    left: 'M12 5l-5 5 5 5',
    right: 'M8 5l5 5-5 5',
    pin: 'M7 3h6l-1 5 3 3H5l3-3zM10 11v6',
    folder: 'M3 5h5l2 2h7v9H3z',
    print: 'M6 7V3h8v4M6 14H3V8h14v6h-3M6 12h8v5H6z',
    trash: 'M4 6h12M8 6V4h4v2M6 6l.7 11h6.6L14 6',
    sun: 'M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.5 4.5l1 1M14.5 14.5l1 1M15.5 4.5l-1 1M5.5 14.5l-1 1',
    moon: 'M15.5 12A6.5 6.5 0 0 1 8 4.5a6.5 6.5 0 1 0 7.5 7.5z',
    half: 'M10 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM10 4v12M12 5v10M14 6v8',
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }) => <svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d={paths[name]} /></svg>;
