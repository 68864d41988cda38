// crypto.randomUUID exists only on https and localhost; consoles are often opened by a plain address of the own network.
export function randomId(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
