// The dashboard and the alert rules ask for nothing that /metrics does not have. A node with a GPU's numbers needs NVML:
// their names are compared with those the monitor can tell, read from its source.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { parse } from 'yaml';
import { startNode } from './support/node.mjs';

const read = (file) => fs.readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

function gpuNames() {
    const told = [...read('src/node/gpu_monitor.cpp').matchAll(/add\("(\w+)"/g)].map((match) => `gptoss_gpu_${match[1]}`);
    return [...told, 'gptoss_gpu_healthy'];
}

async function nodeNames() {
    const node = await startNode(['--context', '2048'], { GPTOSS_SESSIONS: 'on', GPTOSS_PLAINTEXT_SESSIONS: 'true' });   // for the marketplace's
    await node.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'What is 2+2?' }], max_tokens: 2 });
    const text = await (await fetch(`${node.origin}/metrics`)).text();
    await node.stop();
    return [...text.matchAll(/^(gptoss_\w+)/gm)].map((match) => match[1]);
}

test('every metric that is asked for exists', async () => {
    const known = new Set([...await nodeNames(), ...gpuNames()]);
    const dashboard = JSON.parse(read('deploy/grafana/gpt-oss-node.json'));
    const rules = parse(read('deploy/prometheus/gpt-oss-node.rules.yaml')).groups.flatMap((group) => group.rules);
    const expressions = [...dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr)), ...rules.map((rule) => rule.expr)];
    assert.ok(expressions.length > 30);
    for (const expression of expressions) {
        const names = expression.match(/gptoss_\w+/g) ?? [];
        assert.ok(names.length > 0 || expression.startsWith('up{'), `${expression} asks for no metric of ours`);
        for (const name of names) assert.ok(known.has(name), `${name} in ${expression} is not in /metrics`);
    }
});

test('every rule says what is wrong and how bad it is; panels do not overlap', () => {
    for (const rule of parse(read('deploy/prometheus/gpt-oss-node.rules.yaml')).groups[0].rules) {
        assert.match(rule.labels.severity, /^(warning|critical)$/, rule.alert);
        assert.ok(rule.annotations.summary, rule.alert);
    }
    const places = JSON.parse(read('deploy/grafana/gpt-oss-node.json')).panels.map((panel) => `${panel.gridPos.x},${panel.gridPos.y}`);
    assert.equal(new Set(places).size, places.length);
});
