// An S5 portal and a node of its network in one, made from the facts of their protocols: accounts by signed challenges,
// uploads whole and in pieces, downloads by name, a registry of signed entries over a WebSocket. Everything is checked.
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { WebSocketServer } from 'ws';
import { blake3 } from '@noble/hashes/blake3.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { verifyMessage } from 'viem';

const wholeBytesMax = 32 << 20;
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const base32 = 'abcdefghijklmnopqrstuvwxyz234567', base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

function littleEndian(value, count) {
    const bytes = Buffer.alloc(count);
    for (let i = 0, rest = BigInt(value); i < count; i += 1, rest >>= 8n) bytes[i] = Number(rest & 255n);
    return bytes;
}

// 5b 82 ‖ 1e ‖ hash ‖ size, in base 32.
export function cidOf(body, hash = blake3(body), size = body.length) {
    let end = littleEndian(size, 8);
    while (end.length > 1 && end.at(-1) === 0) end = end.subarray(0, -1);
    let bits = 0, value = 0, text = 'b';
    for (const byte of Buffer.concat([Buffer.from([0x5b, 0x82, 0x1e]), hash, end])) {
        value = (value << 8) | byte;
        for (bits += 8; bits >= 5; bits -= 5) text += base32[(value >> (bits - 5)) & 31];
        value &= 31;
    }
    return bits > 0 ? text + base32[(value << (5 - bits)) & 31] : text;
}

// The hash in a name of any alphabet.
function hashOf(cid) {
    if (cid[0] === 'u') return Buffer.from(cid.slice(1), 'base64url').subarray(3, 35);
    if (cid[0] === 'z') return Buffer.from([...cid.slice(1)].reduce((sum, c) => sum * 58n + BigInt(base58.indexOf(c)), 0n).toString(16), 'hex').subarray(3, 35);
    const bits = [...cid.slice(1)].map((c) => base32.indexOf(c).toString(2).padStart(5, '0')).join('');
    return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2))).subarray(3, 35);
}

export async function startPortal({ hostsOnly = false } = {}) {
    const portal = { blobs: new Map(), entries: new Map(), accounts: new Map(), hosts: new Set(), uploads: new Map(), tokens: new Set(),
        logins: 0, registrations: 0, piecesBytes: 0,
        down: false,          // refuses everything
        breakAfterBytes: [],  // of the next pieces: the connection is cut when so many bytes of one have come
        alter: (body) => body };   // what is told of a blob
    const challenges = new Map();
    const nodeKey = randomBytes(32);
    const nodePublicKey = Buffer.concat([Buffer.from([0xed]), ed25519.getPublicKey(nodeKey)]);

    const answer = (response, status, json, headers = {}) => { response.writeHead(status, { 'content-type': 'application/json', ...headers }); response.end(json === undefined ? '' : JSON.stringify(json)); };
    const bodyOf = async (request) => { const pieces = []; for await (const piece of request) pieces.push(piece); return Buffer.concat(pieces); };
    const keep = (body) => { portal.blobs.set(hex(blake3(body)), body); return cidOf(body); };
    const newToken = () => { const token = randomBytes(16).toString('hex'); portal.tokens.add(token); return token; };

    function challengeFor(pubKey) {
        const challenge = randomBytes(32);
        challenges.set(pubKey, challenge);
        return base64url(challenge);
    }
    function isAnswered(type, { pubKey, response, signature }) {
        const challenge = challenges.get(pubKey);
        challenges.delete(pubKey);
        const said = Buffer.from(response, 'base64url'), key = Buffer.from(pubKey, 'base64url');
        const wanted = challenge && Buffer.concat([Buffer.from([type]), challenge, blake3(Buffer.from(portal.host))]);
        return challenge && key[0] === 0xed && said.equals(wanted) && ed25519.verify(Buffer.from(signature, 'base64url'), said, key.subarray(1));
    }

    async function accounts(request, response, url) {
        const way = url.pathname.slice('/s5/account/'.length);
        const body = request.method === 'POST' ? JSON.parse(await bodyOf(request)) : {};
        if (way === 'register' && hostsOnly) return answer(response, 403, { error: 'only hosts' });
        if (request.method === 'GET') {
            const pubKey = url.searchParams.get('pubKey');
            if (way === 'login' && !portal.accounts.has(pubKey)) return answer(response, 404, { error: 'no such account' });
            return answer(response, 200, { challenge: challengeFor(pubKey) });
        }
        if (way.startsWith('register-host')) {
            const signed = await verifyMessage({ address: body.ethAddress, message: body.message, signature: body.signature });
            if (!signed || body.message !== `Register S5 account for ${body.ethAddress}` || !portal.hosts.has(body.ethAddress)) return answer(response, 403, { error: 'not an active node' });
            if (way === 'register-host') return answer(response, 200, { challenge: challengeFor(body.pubKey) });
            body.signature = body.s5Signature;
        }
        if (!isAnswered(way === 'login' ? 2 : 1, body)) return answer(response, 401, { error: 'wrong answer' });
        if (way === 'login') portal.logins += 1;
        else portal.registrations += 1;
        portal.accounts.set(body.pubKey, body.label);
        return answer(response, 200, { authToken: newToken() }, way === 'register' ? { 'set-cookie': `s5-auth-token=${newToken()}; Path=/` } : {});
    }

    // One file in a form.
    async function wholeUpload(request, response) {
        const boundary = /boundary=(.+)$/.exec(request.headers['content-type'])[1];
        const form = await bodyOf(request);
        const from = form.indexOf('\r\n\r\n') + 4, to = form.lastIndexOf(`\r\n--${boundary.replaceAll('"', '')}--`);
        if (!form.subarray(0, from).includes('name="file"') || to < from) return answer(response, 400, { error: 'no file' });
        if (to - from > wholeBytesMax) return answer(response, 413, { error: 'This API only supports a maximum size of 32 MiB' });
        return answer(response, 200, { cid: keep(Buffer.from(form.subarray(from, to))) });
    }

    // tus 1.0: made, continued, asked how far it is.
    async function piecesUpload(request, response, url) {
        if (request.headers['tus-resumable'] !== '1.0.0') return answer(response, 412, {});
        if (request.method === 'POST') {
            const place = `/s5/upload/tus/${randomBytes(8).toString('hex')}`;
            const hash = Buffer.from(/^hash (\S+)$/.exec(request.headers['upload-metadata'])[1], 'base64').toString();
            portal.uploads.set(place, { length: Number(request.headers['upload-length']), hash, body: Buffer.alloc(0) });
            return answer(response, 201, undefined, { location: place });
        }
        const upload = portal.uploads.get(url.pathname);
        if (!upload) return answer(response, 404, {});
        if (request.method === 'HEAD') return answer(response, 200, undefined, { 'upload-offset': String(upload.body.length) });
        if (Number(request.headers['upload-offset']) !== upload.body.length) return answer(response, 409, {});
        const cut = portal.breakAfterBytes.shift();
        const { socket } = request;   // gone once the body is not read to its end
        const pieces = [];
        let bytes = 0;
        for await (const piece of request) {
            pieces.push(piece);
            bytes += piece.length;
            if (cut !== undefined && bytes >= cut) break;
        }
        portal.piecesBytes += bytes;
        upload.body = Buffer.concat([upload.body, ...pieces]);
        if (cut !== undefined) return socket.destroy();
        if (upload.body.length === upload.length) {
            const wanted = base64url(Buffer.concat([Buffer.from([0x1f]), blake3(upload.body)]));
            if (upload.hash !== wanted) { portal.uploads.delete(url.pathname); return answer(response, 400, { error: 'Invalid hash found' }); }
            keep(upload.body);
        }
        return answer(response, 204, undefined, { 'upload-offset': String(upload.body.length) });
    }

    const server = createServer(async (request, response) => {
        const url = new URL(request.url, 'http://portal');
        if (portal.down) { answer(response, 503, { error: 'away' }); return; }
        try {
            if (url.pathname.startsWith('/s5/account/')) return await accounts(request, response, url);
            if (url.pathname.startsWith('/s5/blob/')) {
                const body = portal.blobs.get(hex(hashOf(url.pathname.slice('/s5/blob/'.length))));
                return body ? response.end(portal.alter(body)) : answer(response, 404, {});
            }
            if (!url.pathname.startsWith('/s5/upload')) return answer(response, 404, {});
            if (!portal.tokens.has(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1])) return answer(response, 401, { error: 'no account' });
            return url.pathname === '/s5/upload' ? await wholeUpload(request, response) : await piecesUpload(request, response, url);
        } catch (error) {
            return response.destroyed || response.headersSent ? undefined : answer(response, 400, { error: error.message });
        }
    });

    // The node: MessagePack items one after the other; bytes of less than 256 are c4, their length, and themselves.
    const packed = (bytes) => Buffer.concat([Buffer.from([0xc4, bytes.length]), bytes]);
    const unpacked = (message) => message.subarray(3, 3 + message[2]);
    function takeEntry(record) {
        const data = record[42], key = hex(record.subarray(1, 34)), revision = record.readBigUInt64LE(34);
        const signed = Buffer.concat([record.subarray(0, 1), record.subarray(34, 43 + data)]);
        if (record[1] !== 0xed || data > 64 || record.length !== 43 + data + 64 || !ed25519.verify(record.subarray(43 + data), signed, record.subarray(2, 34))) return;
        const there = portal.entries.get(key);
        if (!there || there.readBigUInt64LE(34) < revision) portal.entries.set(key, Buffer.from(record));
    }
    function locationOf(typedHash) {
        if (!portal.blobs.has(hex(typedHash.subarray(1)))) return undefined;
        const place = Buffer.from(`http://${portal.host}/s5/blob/u${base64url(Buffer.concat([Buffer.from([0x5b, 0x82]), typedHash, Buffer.from([0])]))}`);
        const record = Buffer.concat([Buffer.from([5]), typedHash, Buffer.from([3]), littleEndian(Math.floor(Date.now() / 1000) + 3600, 4), Buffer.from([1]),
            littleEndian(place.length, 2), place, Buffer.from([0])]);
        return Buffer.concat([record, nodePublicKey, ed25519.sign(record, nodeKey)]);
    }
    const sockets = new WebSocketServer({ server, path: '/s5/p2p' });
    sockets.on('connection', (socket) => {
        if (portal.down) { socket.terminate(); return; }
        socket.send(Buffer.concat([Buffer.from([1]), packed(randomBytes(64))]));
        socket.on('message', (data) => {
            const message = Buffer.from(data);
            if (portal.down) { socket.terminate(); return; }
            if (message[0] === 1) {
                const done = Buffer.concat([Buffer.from([2]), packed(unpacked(message)), Buffer.from([3, 0])]);
                socket.send(Buffer.concat([Buffer.from([10]), packed(nodePublicKey), packed(ed25519.sign(done, nodeKey)), packed(done)]));
            } else if (message[0] === 13) {
                const entry = portal.entries.get(hex(unpacked(message)));
                if (entry) socket.send(entry);
            } else if (message[0] === 4) {
                const location = locationOf(unpacked(message));
                if (location) socket.send(location);
            } else if (message[0] === 7) {
                takeEntry(message);
            }
        });
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    portal.host = `127.0.0.1:${server.address().port}`;
    portal.url = `http://${portal.host}`;
    portal.find = (cid) => portal.blobs.get(hex(hashOf(cid)));
    portal.stop = () => { sockets.clients.forEach((socket) => socket.terminate()); server.closeAllConnections(); server.close(); };
    return portal;
}
