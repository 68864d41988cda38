import { expect, test } from 'vitest';
import agents from '../../docs/agents.md?raw';
import { guideFor } from '../src/agent_guide';

const here = { origin: 'https://node.example:8443', model: 'my-model', key: 'sk-secret' };

test('every client of the document is there, with this node in it', () => {
    const guide = guideFor(agents, here);
    const names = guide.map(({ name }) => name);
    for (const name of ['curl', 'OpenAI SDK, Python', 'OpenAI SDK, JavaScript', 'Codex', 'Claude Code', 'LangChain']) expect(names).toContain(name);
    expect(names).not.toContain('What is stored');
    const text = guide.map((section) => section.text).join('\n');
    expect(text).not.toMatch(/127\.0\.0\.1:8080|gpt-oss-120b/);
    expect(text).toContain('base_url = "https://node.example:8443/v1"');
    expect(text).toContain('ANTHROPIC_API_KEY=sk-secret');
    expect(text).toContain("Authorization: Bearer sk-secret");
});

test('where no key is asked for none is shown', () => {
    const text = guideFor(agents, { ...here, key: '' }).map((section) => section.text).join('\n');
    expect(text).not.toMatch(/Bearer|sk-secret/);
    expect(text).toContain('ANTHROPIC_API_KEY=none');
});
