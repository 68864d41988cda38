// What people who do not see, or do not use a mouse, get: names in the accessibility tree, and axe's findings of weight in the light and the dark scheme. Its source is run by the debugger: the page's policy stays as it is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const controls = new Set(['button', 'link', 'textbox', 'searchbox', 'radio', 'checkbox', 'combobox', 'listbox', 'option', 'menuitem', 'tab', 'slider', 'spinbutton', 'switch',
    'progressbar', 'dialog', 'navigation', 'region', 'log', 'img', 'image', 'Iframe', 'heading', 'columnheader', 'DisclosureTriangle']);

// What a screen reader is told: every control, heading and place in the tree has a name.
export async function checkNames(page) {
    const debug = await page.context().newCDPSession(page);
    const { nodes } = await debug.send('Accessibility.getFullAXTree');
    const nameless = nodes.filter(({ ignored, role, name }) => !ignored && controls.has(role?.value) && !name?.value?.trim());
    const found = [];
    for (const { backendDOMNodeId } of nameless) found.push((await debug.send('DOM.getOuterHTML', { backendNodeId: backendDOMNodeId })).outerHTML);
    assert.deepEqual(found, []);
    await debug.detach();
}

export async function checkAccessibility(page) {
    await page.evaluate(axe);
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        // In the other scheme only the colours differ.
        const runOnly = colorScheme === 'light' ? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] : ['color-contrast'];
        const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), runOnly);
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        assert.deepEqual(serious.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
    }
}
