// Tools of the page and of MCP servers, to be offered to the model at the press of a button.
import { useEffect, useState } from 'preact/hooks';
import { builtinTools, javascript } from './builtin_tools';
import type { McpServer } from './mcp';
import { asFunction, knowServers, listedServers } from './tool_runs';

const exampleTool = { type: 'function', function: { name: 'get_weather', description: 'The weather in a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } };

export function ToolPicker({ add }: { add: (tools: unknown[]) => void }) {
    useEffect(() => { void knowServers(); }, []);
    return <>
        <div class="row wrap">
            <button onClick={() => add(builtinTools)}>Add calculator and clock</button>
            <button onClick={() => add([javascript])}>Add JavaScript</button>
            {listedServers.value.map((server) => <OfServer key={server.name} server={server} add={add} />)}
            <button onClick={() => add([exampleTool])}>Add an example</button>
        </div>
        <p class="hint">Calculator, clock and JavaScript run in this page, JavaScript without a network. {listedServers.value.length > 0 && 'Tools of servers are asked about at each call. '}
            Results of other tools are typed in.</p>
    </>;
}

function OfServer({ server, add }: { server: McpServer; add: (tools: unknown[]) => void }) {
    const [words, say] = useState('');
    const take = async () => {
        say('…');
        try {
            const tools = await server.tools();
            add(tools.map(asFunction));
            say(`${tools.length} tool${tools.length === 1 ? '' : 's'} added`);
        } catch (error) { say((error as Error).message); }
    };
    return <><button onClick={() => void take()}>Add tools of {server.name}</button>{words && <span class="hint" role="status">{words}</span>}</>;
}
