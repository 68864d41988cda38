// A real MCP server (the official SDK) on loopback, with sessions, that wants a key.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const words = (text) => ({ content: [{ type: 'text', text }] });

function makeServer(calls, pace) {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    server.registerTool('get_weather', { description: 'The weather in a city.', inputSchema: { city: z.string() } },
        ({ city }) => { calls.push(city); return words(JSON.stringify({ city, weather: 'sunny' })); });
    server.registerTool('slow', { description: 'Takes a while.', inputSchema: {} },
        async () => { await pace.wait(); return words('at last'); });
    server.registerTool('huge', { description: 'Says too much.', inputSchema: {} }, () => words('x'.repeat(5 << 20)));
    server.registerTool('broken', { description: 'Fails.', inputSchema: {} }, () => { throw new Error('out of order'); });
    return server;
}

export async function startMcpServer(key) {
    const sessions = new Map();
    const calls = [];
    const seen = [];
    const pace = { wait: () => new Promise((resolve) => { setTimeout(resolve, 1500); }) };   // of the slow tool: a test may set another
    const server = http.createServer(async (request, response) => {
        seen.push({ method: request.method, url: request.url, headers: request.headers });
        if (request.url === '/elsewhere') return response.writeHead(307, { location: '/mcp' }).end();
        if (request.url === '/hang') return;
        if (request.url === '/page') return response.setHeader('content-type', 'text/html').end('<script>alert(1)</script>');
        if (request.headers.authorization !== `Bearer ${key}`) return response.writeHead(401, { 'content-type': 'text/html' }).end('<h1>Who are you?</h1>');
        let transport = sessions.get(request.headers['mcp-session-id']);
        if (!transport) {
            transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (id) => { sessions.set(id, transport); } });
            await makeServer(calls, pace).connect(transport);
        }
        await transport.handleRequest(request, response);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { origin: `http://127.0.0.1:${server.address().port}`, calls, seen, pace,
        close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}
