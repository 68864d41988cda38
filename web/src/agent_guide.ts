// The examples of docs/agents.md for this very node: its address, its model, a key. One text for readers of the documents
// and for the page.

export interface Node { origin: string; model: string; key: string }   // key: empty where none is asked for

const exampleOrigin = 'http://127.0.0.1:8080';
const exampleModel = 'gpt-oss-120b';
const afterExamples = '## What agents should know of the node';

const first = ({ origin, model, key }: Node): string => [
    `## curl\n\n\`\`\`sh\ncurl ${origin}/v1/chat/completions -H 'Content-Type: application/json' \\\n${key ? `  -H 'Authorization: Bearer ${key}' \\\n` : ''}  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'\n\`\`\``,
    `## OpenAI SDK, Python\n\n\`\`\`python\nfrom openai import OpenAI\nclient = OpenAI(base_url="${origin}/v1", api_key="${key || 'none'}")\n`
        + `reply = client.responses.create(model="${model}", input="Hello")\nprint(reply.output_text)\n\`\`\``,
    `## OpenAI SDK, JavaScript\n\n\`\`\`js\nimport OpenAI from 'openai';\nconst client = new OpenAI({ baseURL: '${origin}/v1', apiKey: '${key || 'none'}' });\n`
        + `const reply = await client.responses.create({ model: '${model}', input: 'Hello' });\nconsole.log(reply.output_text);\n\`\`\``,
].join('\n\n');

// `text`: docs/agents.md. Sections in Markdown, each with its name.
export function guideFor(text: string, node: Node): { name: string; text: string }[] {
    const examples = text.slice(text.indexOf('\n## '), text.indexOf(afterExamples)).replaceAll(exampleOrigin, node.origin).replaceAll(exampleModel, node.model)
        .replace(/=none( *#[^\n]*)?/g, `=${node.key || 'none'}`).replaceAll("'none'", `'${node.key || 'none'}'`).replaceAll('"none"', `"${node.key || 'none'}"`);
    return `${first(node)}\n${examples}`.split(/^## /m).filter((part) => part.trim()).map((part) => {
        const end = part.indexOf('\n');
        return { name: part.slice(0, end).trim(), text: withoutBreaks(part.slice(end).trim()) };
    });
}

// The console keeps a paragraph's line breaks, as models mean them; in the document they are only where lines were full.
const withoutBreaks = (text: string): string => text.split(/(^```[^]*?^```)/m).map((piece) => (piece.startsWith('```') ? piece : piece.replace(/([^\n])\n(?=[^\s\-*#|>])/g, '$1 '))).join('');
