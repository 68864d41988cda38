// `import path from './x.ts?frame'`: builds the module into one plain script and a page that loads it, and gives the
// page's path. A frame without an origin may load no modules, so these files stay out of Vite's own graph. The node
// sends such a page (an .html below /assets/) with a policy of its own: src/http/static_files.cpp.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'vite';

const ending = '?frame';
const styles = 'body{margin:12px;font:14px system-ui;text-align:center}svg{max-width:100%;height:auto}:root{color-scheme:light dark}';

export const frames: Plugin = {
    name: 'frames',
    enforce: 'pre',
    resolveId(source, importer) {
        return source.endsWith(ending) && importer ? path.resolve(path.dirname(importer), source) : null;
    },
    async load(id) {
        if (!id.endsWith(ending)) return null;
        const entry = id.slice(0, -ending.length);
        const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'iife', target: 'es2022', write: false, legalComments: 'none' });
        const name = path.basename(entry, '.ts');
        const digest = createHash('sha256').update(outputFiles[0].contents).update(styles).digest('base64url').slice(0, 8);
        const script = `assets/${name}-frame-${digest}.js`;
        const page = `assets/${name}-frame-${digest}.html`;
        this.emitFile({ type: 'asset', fileName: script, source: outputFiles[0].contents });
        this.emitFile({ type: 'asset', fileName: page, source: `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Frame</title>\n<style>${styles}</style>\n<script defer src="/${script}"></script>\n` });
        return `export default ${JSON.stringify(`/${page}`)};`;
    },
};
