// A Hugging Face-compatible host on loopback that can misbehave in every way downloads meet.
import http from 'node:http';
import crypto from 'node:crypto';
import { posix } from 'node:path';
import './end_of_file.mjs';

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

// behaviour(request) may return any of:
//   status, headers       refuse with this
//   cutAfter              close the connection after so many bytes of body
//   announceMore          Content-Length larger than what is sent by so many bytes, then close
//   appendBytes           send so many bytes too many (chunked)
//   ignoreRange           always send everything with 200
//   content, etag         other bytes than the published ones
//   wrongRange            a Content-Range that starts elsewhere
export async function startModelHost(files, behaviour = () => ({})) {
    const requests = [];
    const server = http.createServer((request, response) => {
        const url = new URL(request.url, 'http://host');
        const json = (value) => { response.setHeader('content-type', 'application/json'); response.end(JSON.stringify(value)); };
        if (url.pathname.includes('/revision/')) return json({ sha: 'c0ffee' });
        // As such hosts do: the files of one folder, names as they are, percent-encoded in URLs.
        const folder = decodeURIComponent(/\/tree\/[^/]+\/?(.*)$/.exec(url.pathname)?.[1] ?? '');
        if (url.pathname.includes('/tree/'))
            return json(Object.entries(files).filter(([path]) => posix.dirname(`/${path}`).slice(1) === folder).map(([path, bytes]) => ({
                path, type: 'file', size: bytes.length, lfs: { oid: bytes.publishedHash ?? sha256(bytes), size: bytes.claimedSize ?? bytes.length } })));
        const name = decodeURIComponent(/\/resolve\/[^/]+\/(.*)$/.exec(url.pathname)?.[1] ?? '');
        if (!files[name]) { response.statusCode = 404; return response.end(); }
        const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
        const entry = { name, range: range ? Number(range[1]) : 0, ifRange: request.headers['if-range'], authorization: request.headers.authorization,
            count: requests.filter((r) => r.name === name).length };
        requests.push(entry);
        const act = behaviour(entry) ?? {};
        if (act.status) { response.writeHead(act.status, act.headers ?? {}); return response.end('refused'); }
        const bytes = act.content ?? files[name];
        const etag = act.etag ?? `"${sha256(bytes)}"`;
        const changed = entry.ifRange && entry.ifRange !== etag;
        const start = range && !act.ignoreRange && !changed ? entry.range : 0;
        const partial = range && !act.ignoreRange && !changed;
        const body = bytes.subarray(start);
        const headers = { etag };
        if (partial) headers['content-range'] = `bytes ${act.wrongRange ? start + 7 : start}-${bytes.length - 1}/${bytes.length}`;
        if (!act.appendBytes) headers['content-length'] = body.length + (act.announceMore ?? 0);
        response.writeHead(partial ? 206 : 200, headers);
        if (act.cutAfter !== undefined) return response.write(body.subarray(0, act.cutAfter), () => setTimeout(() => response.socket?.destroy(), 20));
        if (act.announceMore) return response.write(body, () => setTimeout(() => response.socket?.destroy(), 20));
        response.end(act.appendBytes ? Buffer.concat([body, crypto.randomBytes(act.appendBytes)]) : body);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${server.address().port}`, requests, sha256,
        close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}
