// A node that watches a card, as its clients and its load balancer see it. The card is a stand-in for NVML, built
// beside the node; it tells what a file says.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startNode, waitFor } from './support/node.mjs';

const binary = process.env.GPT_OSS_NODE ?? new URL('../build/release/gpt-oss-node', import.meta.url).pathname;
const library = path.join(path.dirname(binary), 'tests/node/libgptoss_fake_nvml.so');
const question = { messages: [{ role: 'user', content: 'What is 2+2?' }], max_tokens: 200 };

test('the card is told, its ceiling refuses, its failure takes the node out', { skip: !fs.existsSync(library) }, async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-node-'));
    const state = path.join(folder, 'state');
    const tell = (text) => {
        fs.writeFileSync(`${state}.next`, text);
        fs.renameSync(`${state}.next`, state);
    };
    tell('used_mib 70000 temperature 61 millijoules 0');
    const node = await startNode(
        ['--gpu-layers', '0', '--nvml-library', library, '--vram-ceiling-mb', '95000', '--power-price-per-mwh', '300'], { FAKE_NVML_STATE: state });
    const ready = async () => (await fetch(`${node.origin}/ready`)).status;
    const status = async () => (await fetch(`${node.url}/status`)).json();
    assert.equal((await node.post('/v1/chat/completions', question)).status, 200);
    assert.equal(await node.metric('gptoss_gpu_temperature_celsius'), 61);
    assert.equal((await status()).gpu.memory_used_bytes, 70000 * 2 ** 20);

    // 7.2 MJ are 2 kWh.
    tell('used_mib 70000 temperature 61 millijoules 7200000000');
    await waitFor(async () => await node.metric('gptoss_gpu_cost_per_million_tokens') > 0);
    const tokens = await node.metric('gptoss_generated_tokens_total');
    assert.ok(Math.abs(await node.metric('gptoss_gpu_cost_per_million_tokens') * tokens / 1e6 - 0.6) < 1e-6);

    tell('used_mib 95001 temperature 61');
    await waitFor(async () => await ready() === 503);
    const refused = await node.post('/v1/chat/completions', question);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '5');
    assert.match((await refused.json()).error.message, /VRAM_CEILING_MB/);
    assert.equal((await status()).status, 'refusing');
    tell('used_mib 70000 temperature 61');
    await waitFor(async () => await ready() === 200);
    assert.equal((await node.post('/v1/chat/completions', question)).status, 200);

    tell('used_mib 70000 xid 79');
    await waitFor(async () => await ready() === 503);
    assert.equal((await status()).status, 'failed');
    assert.match((await status()).failure, /Xid 79/);
    assert.equal(await node.metric('gptoss_gpu_healthy'), 0);
    assert.equal((await node.post('/v1/chat/completions', question)).status, 503);
    assert.equal(await node.stop(), 0);
});
