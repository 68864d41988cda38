// What is drawn in colours of its own, not by styles, is drawn anew when the page turns dark or light.
export function onSchemeChange(act: () => void): () => void {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const chosen = new MutationObserver(act);   // with the page's own switch
    chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
    dark.addEventListener('change', act);
    return () => { chosen.disconnect(); dark.removeEventListener('change', act); };
}
