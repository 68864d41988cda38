// A client of the marketplace's sessions, written from the facts of the protocol with @noble packages.
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Uint8Array.from(Buffer.from(text.replace(/^0x/, ''), 'hex'));
const utf8 = (text) => new TextEncoder().encode(text);

export const publicKeyOf = (key) => secp256k1.getPublicKey(bytes(key), true);

// What the SDK signs; the fields as bytes, a bar between two.
function setupDigest(ephemeral, host, salt, nonce) {
    const bar = utf8('|');
    return sha256(Buffer.concat([utf8('E2EEv1|'), ephemeral, bar, host, bar, salt, bar, nonce, bar, utf8('')]));
}

export function encryptedInit({ clientKey, hostPublicKey, sessionKey, job, session, chainId, changes = {}, outer = {} }) {
    const ephemeralKey = secp256k1.utils.randomPrivateKey();
    const ephemeral = secp256k1.getPublicKey(ephemeralKey, true);
    const shared = secp256k1.getSharedSecret(ephemeralKey, hostPublicKey, true).slice(1);
    const key = hkdf(sha256, shared, undefined, new Uint8Array(), 32);
    const nonce = randomBytes(24);
    const salt = new Uint8Array(32);
    const plaintext = JSON.stringify({ sessionKey: hex(sessionKey), jobId: String(job), modelName: 'gpt-oss', pricePerToken: 0, ...changes });
    const signature = secp256k1.sign(setupDigest(ephemeral, hostPublicKey, salt, nonce), bytes(clientKey));
    return { type: 'encrypted_session_init', session_id: session, job_id: String(job), chain_id: chainId, ...outer,
        payload: { ephPubHex: hex(ephemeral), saltHex: hex(salt), nonceHex: hex(nonce), ciphertextHex: hex(xchacha20poly1305(key, nonce).encrypt(utf8(plaintext))),
            signatureHex: hex(signature.toCompactRawBytes()) + hex([signature.recovery]), recid: signature.recovery, info: '', aadHex: '' } };
}

export function seal(sessionKey, text, associated, nonce = randomBytes(24)) {
    const cipher = xchacha20poly1305(sessionKey, nonce, utf8(associated));
    return { ciphertextHex: hex(cipher.encrypt(utf8(text))), nonceHex: hex(nonce), aadHex: hex(utf8(associated)) };
}

export function open(sessionKey, payload) {
    const cipher = xchacha20poly1305(sessionKey, bytes(payload.nonceHex), bytes(payload.aadHex));
    return new TextDecoder().decode(cipher.decrypt(bytes(payload.ciphertextHex)));
}

// A connection to GET /v1/ws. Frames wait until they are asked for.
export async function connect(origin) {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/v1/ws`);
    const frames = [];
    let wake = () => {};
    socket.on('message', (data) => { frames.push(JSON.parse(data)); wake(); });
    const closed = new Promise((resolve) => socket.once('close', (code) => { wake(); resolve(code); }));
    await once(socket, 'open');
    const next = async () => {
        while (frames.length === 0) {
            if (socket.readyState !== WebSocket.OPEN) throw new Error('the connection has ended');
            await new Promise((resolve) => { wake = resolve; });
        }
        return frames.shift();
    };
    return { socket, frames, next, closed, send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
        close: () => { socket.close(); return closed; }, drop: () => { socket.terminate(); return closed; } };
}

// A session as a client has it: opened, asked, and opened again on another connection.
export class ClientSession {
    constructor({ origin, clientKey, hostPublicKey, job, session, chainId = 31337 }) {
        Object.assign(this, { origin, clientKey, hostPublicKey, job, session, chainId, sessionKey: randomBytes(32), count: 0, answers: 0 });
    }

    init(changes, outer) { return encryptedInit({ ...this, changes, outer }); }

    async open(init = this.init()) {
        this.connection = await connect(this.origin);
        this.greeting = await this.connection.next();
        this.connection.send(init);
        return this.connection.next();
    }

    message(request, outer = {}) {
        const n = this.count;
        this.count += 1;
        return { type: 'encrypted_message', session_id: this.session, ...outer,
            payload: seal(this.sessionKey, typeof request === 'string' ? request : JSON.stringify(request), `message_${n}`) };
    }

    // The answer as it was streamed; ends with its one terminal frame.
    async answer() {
        let text = '', finish;
        const chunks = [];
        for (;;) {
            const frame = await this.connection.next();
            if (frame.type === 'encrypted_chunk') {
                chunks.push(frame);
                text += open(this.sessionKey, frame.payload);
            } else if (frame.type === 'encrypted_response') {
                finish = open(this.sessionKey, frame.payload);
            } else {
                return { text, finish, chunks, end: frame };
            }
        }
    }

    async ask(request, outer) {
        this.connection.send(this.message(request, outer));
        return this.answer();
    }
}

// Makes the demo model say exactly so many tokens: none that would end its answer (<|endoftext|>, <|return|>, <|call|>).
export const exactly = (tokens) => ({ prompt: 'Tell me of rivers.', max_tokens: tokens, temperature: 1, logit_bias: { 4087: -100, 4088: -100, 4094: -100 } });
