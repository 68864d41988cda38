// Runs in the sandboxed frame of a diagram: draws what it is sent, and tells how high that is.
import mermaid from 'mermaid';

const tell = (told: { height: number } | { problem: string }) => parent.postMessage(told, '*');

const tellHeight = () => { const drawn = document.querySelector('svg'); if (drawn) tell({ height: drawn.getBoundingClientRect().height + 24 }); };
addEventListener('resize', tellHeight);

addEventListener('message', ({ source, data }: MessageEvent<{ code: string; isDark: boolean }>) => {
    if (source !== parent || typeof data?.code !== 'string') return;
    mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: data.isDark ? 'dark' : 'neutral', suppressErrorRendering: true, maxTextSize: 50_000 });
    mermaid.render('diagram', data.code).then(({ svg }) => {
        document.body.innerHTML = svg;
        tellHeight();
    }, (error: Error) => tell({ problem: error.message }));
});
