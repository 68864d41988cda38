// WebSocket mode of the Responses API: one request after another on one connection.
import { once } from 'node:events';
import { WebSocket } from 'ws';

// `url`: the node's /v1.
export async function openResponses(url) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/responses`);
    await once(socket, 'open');
    return {
        socket,
        // The event that ends the response: completed, failed, incomplete or error. `seen` is told every event.
        ask: (body, seen = () => {}) => new Promise((resolve, reject) => {
            const over = (event) => { socket.off('message', take); socket.off('close', closed); resolve(event); };
            const closed = (code) => reject(new Error(`closed with ${code}`));
            const take = (data) => {
                const event = JSON.parse(data);
                seen(event);
                if (/^(error|response\.(completed|failed|incomplete))$/.test(event.type)) over(event);
            };
            socket.on('message', take);
            socket.once('close', closed);
            socket.send(JSON.stringify({ type: 'response.create', ...body }));
        }),
        close: () => socket.close(),
    };
}
