// What a finished block gets besides its text: a bar over code, colours, formulas, diagrams. Each is loaded when the
// first is needed, and draws into elements, not through style text, which the page's policy refuses.
import { codeBar, languageOf } from './code_bar';

const longestColouredChars = 20_000;

export async function decorate(root: HTMLElement): Promise<void> {
    const codes = [...root.querySelectorAll<HTMLElement>('pre > code')];
    const diagrams: HTMLElement[] = [];
    for (const code of codes) {
        const box = codeBar(code.parentElement!, languageOf(code), () => code.textContent ?? '');
        if (languageOf(code) === 'mermaid') diagrams.push(box);
    }
    await Promise.all([colour(codes), drawFormulas([...root.querySelectorAll<HTMLElement>('.math:not(.drawn)')]), drawDiagrams(diagrams)]);
}

async function colour(codes: HTMLElement[]): Promise<void> {
    const wanted = codes.filter((code) => languageOf(code) && code.textContent!.length < longestColouredChars);
    if (!wanted.length) return;
    const { default: highlighter } = await import('highlight.js/lib/common');
    for (const code of wanted) {
        if (!code.dataset.highlighted && highlighter.getLanguage(languageOf(code))) highlighter.highlightElement(code);
    }
}

async function drawFormulas(formulas: HTMLElement[]): Promise<void> {
    if (!formulas.length) return;
    const { katex } = await import('./formulas');
    for (const formula of formulas) {
        const tex = formula.textContent ?? '';
        formula.classList.add('drawn');
        // What is no formula stays as it was written; KaTeX's own words for it come as style text, which the policy refuses.
        try {
            katex.render(tex, formula, { displayMode: formula.classList.contains('display'), throwOnError: true, trust: false, maxExpand: 200, maxSize: 20 });
        } catch { formula.textContent = tex; }
    }
}

async function drawDiagrams(boxes: HTMLElement[]): Promise<void> {
    if (!boxes.length) return;
    const { showDiagram } = await import('./diagram');
    boxes.forEach(showDiagram);
}
