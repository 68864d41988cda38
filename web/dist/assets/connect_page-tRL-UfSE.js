import{d as m,l as u,n as g,u as e,C as f,S as w,A as c,m as y,o as A}from"./index-r703pkGh.js";const k=`# Agents

The node speaks what coding agents and agent frameworks speak: OpenAI's Responses API (\`POST /v1/responses\`), Anthropic's
Messages API (\`POST /v1/messages\`), and chat completions (docs/api.md). Any model name is served, unless
\`GPTOSS_STRICT_MODEL_NAME\` is set. Where keys are set, an agent's API key is one of them.

The examples say \`http://127.0.0.1:8080\`; each was run.

## Codex

\`~/.codex/config.toml\`:

\`\`\`toml
model = "gpt-oss-120b"
model_provider = "node"
[model_providers.node]
name = "gpt-oss-node"
base_url = "http://127.0.0.1:8080/v1"
wire_api = "responses"
\`\`\`

\`supports_websockets = true\` in the provider spares each turn the way of its history. With keys, add \`env_key = "NODE_KEY"\` to the provider and put the key into that variable. \`web_search = "disabled"\` keeps
Codex from offering a search that the node cannot do; without the line it is left out all the same.

\`codex --oss --local-provider ollama\` finds the node too, with \`CODEX_OSS_BASE_URL=http://127.0.0.1:8080/v1\`.

## Claude Code

\`\`\`sh
export ANTHROPIC_BASE_URL=http://127.0.0.1:8080
export ANTHROPIC_API_KEY=none            # or a key of the node
export ANTHROPIC_MODEL=gpt-oss-120b
claude
\`\`\`

## Agents SDK

\`\`\`js
import { Agent, OpenAIProvider, Runner } from '@openai/agents';
const runner = new Runner({ modelProvider: new OpenAIProvider({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: 'none', useResponses: true }), tracingDisabled: true });
const result = await runner.run(new Agent({ name: 'Guide', model: 'gpt-oss-120b', instructions: 'Help.' }), 'What is 2+2?');
\`\`\`

## AI SDK

\`\`\`js
import { createOpenAI } from '@ai-sdk/openai';
import { generateText } from 'ai';
const model = createOpenAI({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: 'none' })('gpt-oss-120b');
const { text } = await generateText({ model, prompt: 'What is 2+2?' });
\`\`\`

## LangChain

\`\`\`js
import { ChatOpenAI } from '@langchain/openai';
const model = new ChatOpenAI({ model: 'gpt-oss-120b', apiKey: 'none', useResponsesApi: true, configuration: { baseURL: 'http://127.0.0.1:8080/v1' } });
const { text } = await model.invoke('What is 2+2?');
\`\`\`

## opencode

\`opencode.json\` in the project, or \`~/.config/opencode/opencode.json\`:

\`\`\`json
{
  "model": "node/gpt-oss-120b",
  "provider": {
    "node": {
      "npm": "@ai-sdk/openai-compatible",
      "options": { "baseURL": "http://127.0.0.1:8080/v1", "apiKey": "none" },
      "models": { "gpt-oss-120b": {} }
    }
  }
}
\`\`\`

## Qwen Code

\`\`\`sh
export OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none OPENAI_MODEL=gpt-oss-120b
qwen --auth-type openai
\`\`\`

## Cline

\`\`\`sh
cline auth --provider openai --apikey none --baseurl http://127.0.0.1:8080/v1 --modelid gpt-oss-120b
cline -P openai -m gpt-oss-120b "List the files"
\`\`\`

In VS Code: provider "OpenAI Compatible" with the same base URL, key and model.

## What agents should know of the node

**Tools.** \`function\`, \`custom\` and \`namespace\` tools are offered to the model. Hosted tools (web search, file search, code
interpreter, image generation, computer use, MCP servers) cannot run here: they are left out of the prompt and of the
response's \`tools\`, and the header \`X-Tools-Left-Out\` names them. A call of a namespace's tool comes back with \`name\` and
\`namespace\`. \`parallel_tool_calls\` counts only where it is \`true\` (in Messages: where \`disable_parallel_tool_use\` is
\`false\`), because gpt-oss was trained to wait for the result of each call.

**Reasoning.** It comes as an item of its own, its text in \`content\` and once more in \`summary\`: Codex and the AI SDK show
nothing else. \`GPTOSS_RESPONSES_REASONING\` chooses one of them, or none. With \`include: ["reasoning.encrypted_content"]\` the text comes sealed as well,
and a client that sends it back needs no store. In Messages, \`thinking\` is shown where it is asked for; its \`signature\`
holds the thought, sealed. A thought whose signature does not open, or whose text was changed, is not passed on to the model.

**Anthropic's clients** send \`Anthropic-Version\` always. Who does gets errors in Anthropic's shape on every path, and the
reply's id as \`Request-Id\` too. Search results and documents that hold text are read; tools that Anthropic itself runs are
left out as above, and a \`tool_choice\` of one counts as \`auto\`.

**Images and files** become a line that tells the model what it cannot see. \`GPTOSS_UNSEEN_CONTENT=refuse\` refuses them.

**Prompts are cached.** Instructions that come in the middle of a conversation (roles \`developer\` and \`system\`) stay where
they are, and calls are repeated exactly as they were sampled, so a turn computes little more than what is new.
\`usage\` says how much came from the cache: over 40 turns with 8k tokens of instructions, 12 tools and results of 1 to 4k
tokens, at least 99.8 % of every turn's history, over HTTP and over a WebSocket (\`node e2e/agent_times.mjs 40\`).

## WebSocket mode

\`GET /v1/responses\` with a WebSocket's handshake opens a connection for many requests, as OpenAI's guide has it. A message
\`{"type": "response.create", …}\` holds the fields of a request, without \`stream\` and \`background\`; the answer is the events of
its stream, one a message. Requests are answered one after another. Codex uses it with \`supports_websockets = true\`.

- A request may go on from a response of the same connection (\`previous_response_id\`), with \`store: false\` too: only what is
  new is sent. The last 4 are remembered. After an error the response that was gone on from is forgotten, as with OpenAI; the
  client then gets \`previous_response_not_found\` and sends its history again. The tokens stay in the prefix cache like all
  others: nothing is pinned to a connection that may never ask again.
- \`generate: false\` reads the prompt into the cache and says nothing; its response can be gone on from.
- \`{"type": "response.cancel"}\` ends the response under way early.
- An error is \`{"type": "error", "status": 429, "error": {…}}\`, and the connection goes on. Limits, keys and the log treat each
  request as one that was posted.
- A connection that was silent for an hour gets \`websocket_connection_limit_reached\` and is closed. While the node drains,
  what is under way is finished first (close code 1001).

## What is stored

A response is kept unless the request says \`store: false\`, so that \`previous_response_id\`, \`GET /v1/responses/{id}\`,
conversations and background responses work. \`GPTOSS_RESPONSES_KEPT=false\` keeps nothing.

- Where: in memory until the node stops, or in the SQLite file \`GPTOSS_RESPONSES_PATH\`, mode 0600. A response that was
  being made when the node was killed is \`failed\` after the next start; everything else is as it was.
- How much: \`GPTOSS_RESPONSES_LIMIT_MB\` (256) and \`GPTOSS_RESPONSES_DAYS\` (30). Beyond that, the client that stores most loses its oldest, so that nobody pushes out what others keep.
- Who sees it: the key that stored it. Where no keys are set, a client is its address.
- Background responses (\`background: true\`) go on without their client. 256 may run at once. Their events are kept, so a
  stream can be taken up behind any \`sequence_number\` (\`?stream=true&starting_after=N\`).

\`GPTOSS_SEAL_KEYS_FILE\` holds the keys of sealed reasoning: 64 hexadecimal digits a line. The first line seals, every line
opens. To change keys, put a new line on top (\`openssl rand -hex 32\`) and start the node again; take the old line out when
no client has anything sealed by it any more. Nodes of a fleet share one file. The node makes the file, mode 0600, where it
is missing; without a file a random key lasts until the node stops.
`,_="http://127.0.0.1:8080",b="gpt-oss-120b",v="## What agents should know of the node",S=({origin:t,model:n,key:s})=>[`## curl

\`\`\`sh
curl ${t}/v1/chat/completions -H 'Content-Type: application/json' \\
${s?`  -H 'Authorization: Bearer ${s}' \\
`:""}  -d '{"model": "${n}", "messages": [{"role": "user", "content": "Hello"}]}'
\`\`\``,`## OpenAI SDK, Python

\`\`\`python
from openai import OpenAI
client = OpenAI(base_url="${t}/v1", api_key="${s||"none"}")
reply = client.responses.create(model="${n}", input="Hello")
print(reply.output_text)
\`\`\``,`## OpenAI SDK, JavaScript

\`\`\`js
import OpenAI from 'openai';
const client = new OpenAI({ baseURL: '${t}/v1', apiKey: '${s||"none"}' });
const reply = await client.responses.create({ model: '${n}', input: 'Hello' });
console.log(reply.output_text);
\`\`\``].join(`

`);function O(t,n){const s=t.slice(t.indexOf(`
## `),t.indexOf(v)).replaceAll(_,n.origin).replaceAll(b,n.model).replace(/=none( *#[^\n]*)?/g,`=${n.key||"none"}`).replaceAll("'none'",`'${n.key||"none"}'`).replaceAll('"none"',`"${n.key||"none"}"`);return`${S(n)}
${s}`.split(/^## /m).filter(a=>a.trim()).map(a=>{const r=a.indexOf(`
`);return{name:a.slice(0,r).trim(),text:I(a.slice(r).trim())}})}const I=t=>t.split(/(^```[^]*?^```)/m).map(n=>n.startsWith("```")?n:n.replace(/([^\n])\n(?=[^\s\-*#|>])/g,"$1 ")).join(""),P="YOUR-KEY";function x(){const[t,n]=m(!1),s=u(),a=s?t?s:P:"",r=g.value?.model??"gpt-oss-120b",h=O(k,{origin:location.origin,model:r,key:a}),p=`${location.origin}/v1`;return e("main",{class:"machine connect",tabIndex:0,children:[e("section",{class:"model",children:[e("h1",{children:"Connect"}),e("p",{class:"soft",children:"Whatever speaks OpenAI's API or Anthropic's can use this node."})]}),e("section",{class:"card",children:e("dl",{class:"facts",children:[e(l,{name:"Base URL",value:p}),e(l,{name:"Base URL, Anthropic's API",value:location.origin}),e(l,{name:"Model",value:r}),e("dt",{children:"API key"}),e("dd",{children:s?e("label",{children:[e("input",{type:"checkbox",checked:t,onChange:o=>n(o.currentTarget.checked)})," Put this tab's key into the settings below"]}):"This node asks for none. Programs that insist on one may send any text."})]})}),e("nav",{"aria-label":"Clients",class:"row wrap",children:h.map(({name:o})=>e("a",{class:"button small",href:`#connect/${encodeURIComponent(o)}`,onClick:i=>{i.preventDefault(),document.getElementById(d(o))?.scrollIntoView()},children:o},o))}),h.map(({name:o,text:i})=>e("section",{class:"card",id:d(o),children:[e("h2",{children:o}),e(T,{text:i})]},o))]})}const d=t=>`client-${t.replace(/\W+/g,"-")}`;function l({name:t,value:n}){return e(w,{children:[e("dt",{children:t}),e("dd",{children:[e("code",{children:n}),e(f,{text:n,name:`the ${t}`})]})]})}function T({text:t}){const n=c(null),s=c();return y(()=>{(s.current??=new A(n.current)).update(t,!0)},[t]),e("div",{ref:n})}export{x as ConnectPage};
