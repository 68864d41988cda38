import { defineConfig, type Plugin } from 'vite';
import { frames } from './scripts/frames';

// Every browser that runs the console reads woff2; KaTeX's two older forms of each font would triple the size.
const onlyWoff2: Plugin = {
    name: 'only-woff2',
    enforce: 'pre',
    transform(code, id) {
        if (!id.endsWith('katex.min.css')) return null;
        return code.replace(/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g, '');
    },
};

export default defineConfig({
    plugins: [onlyWoff2, frames],
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 400 },
    server: { fs: { allow: ['..'] }, proxy: { '/v1': 'http://127.0.0.1:8080', '/ready': 'http://127.0.0.1:8080', '/tokenize': 'http://127.0.0.1:8080' } },
});
