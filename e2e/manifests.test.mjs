// The files of deploy/ that other programs read: valid after their schemas, and of one mind with the node.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import yaml from 'yaml';
import { binary, startNode } from './support/node.mjs';

const root = new URL('..', import.meta.url).pathname;
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const kubernetes = path.join(root, 'deploy/kubernetes');
const objects = fs.readdirSync(kubernetes).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .flatMap((name) => yaml.parseAllDocuments(fs.readFileSync(path.join(kubernetes, name), 'utf8')).map((document) => {
        assert.deepEqual(document.errors, []);
        return { name, object: document.toJS() };
    }));
const find = (kind) => objects.find(({ object }) => object.kind === kind).object;
const isThere = (program) => !spawnSync(program, ['--version']).error;

// Rejects with what Kubernetes' OpenAPI schema, as the package carries it, has against the object.
async function validate(object) {
    const module = await import(`kubernetes-models/${object.apiVersion}/${object.kind}`);   // throws for what does not exist
    new module[object.kind](object).validate();
}

test('the Kubernetes manifests are valid after its schema', async () => {
    const kinds = objects.map(({ object }) => object.kind);
    for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler', 'NetworkPolicy']) assert.ok(kinds.includes(kind));
    for (const { name, object } of objects) await assert.doesNotReject(() => validate(object), `${name}: ${object.kind}`);
    const broken = structuredClone(find('Deployment'));
    broken.spec.template.spec.containers[0].ports[0].containerPort = 'http';
    await assert.rejects(() => validate(broken), /containerPort/);
    const listed = yaml.parse(read('deploy/kubernetes/kustomization.yaml')).resources;
    assert.deepEqual(new Set(listed), new Set(objects.map(({ name }) => name)));
});

test('selectors, probes, metrics and settings in the manifests exist', async () => {
    const { template } = find('Deployment').spec;
    for (const selector of [find('Service').spec.selector, find('PodDisruptionBudget').spec.selector.matchLabels,
        find('NetworkPolicy').spec.podSelector.matchLabels, find('Deployment').spec.selector.matchLabels]) {
        assert.deepEqual(selector, template.metadata.labels);
    }
    const node = await startNode();
    const [container] = template.spec.containers;
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        assert.equal((await fetch(`${node.origin}${container[probe].httpGet.path}`)).status, 200);
    }
    const metrics = await (await fetch(`${node.origin}/metrics`)).text();
    for (const { pods } of find('HorizontalPodAutoscaler').spec.metrics) assert.match(metrics, new RegExp(`^${pods.metric.name} `, 'm'));
    await node.stop();

    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gpt-oss-manifests-'));
    const keys = path.join(folder, 'api_keys');
    fs.writeFileSync(keys, 'tester 0123456789abcdef0123\n');
    const settings = path.join(folder, 'settings.env');
    fs.writeFileSync(settings, find('ConfigMap').data['settings.env'].replace(/GPTOSS_API_KEYS_FILE=.*/, `GPTOSS_API_KEYS_FILE=${keys}`));
    const checked = spawnSync(binary, ['serve', '--check-config', '--env-file', settings, '--model', path.join(root, 'models/demo/gpt-oss-demo-00001-of-00003.gguf'), '--gpu-layers', '0'],
        { env: { PATH: process.env.PATH }, encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
    fs.rmSync(folder, { recursive: true });
});

test('the pool behind a gateway is of these pods, and its picker finds the gauges it reads', async () => {
    const folder = path.join(kubernetes, 'gateway');
    const listed = yaml.parse(fs.readFileSync(path.join(folder, 'kustomization.yaml'), 'utf8')).resources;
    const [pool, route] = yaml.parseAllDocuments(fs.readFileSync(path.join(folder, listed[0]), 'utf8')).map((document) => {
        assert.deepEqual(document.errors, []);
        return document.toJS();
    });
    assert.deepEqual([pool.kind, route.kind], ['InferencePool', 'HTTPRoute']);
    assert.deepEqual(pool.spec.selector.matchLabels, find('Deployment').spec.template.metadata.labels);
    const [container] = find('Deployment').spec.template.spec.containers;
    assert.deepEqual(pool.spec.targetPorts.map((port) => port.number), container.ports.map((port) => port.containerPort));
    assert.equal(route.spec.rules[0].backendRefs[0].name, pool.metadata.name);
    const node = await startNode();
    const metrics = await (await fetch(`${node.origin}/metrics`)).text();
    await node.stop();
    for (const gauge of [/^vllm:num_requests_waiting 0$/m, /^vllm:num_requests_running 0$/m, /^vllm:kv_cache_usage_perc 0$/m]) assert.match(metrics, gauge);
    const [, blocks] = metrics.match(/^vllm:cache_config_info\{block_size="64",num_gpu_blocks="(\d+)"\} 1$/m);
    assert.equal(Number(blocks), Number(metrics.match(/^gptoss_kv_blocks_total (\d+)$/m)[1]));
});

test('compose, profiles and the settings example agree on where models, settings and secrets are', () => {
    const { services: { node }, secrets } = yaml.parse(read('deploy/compose.yaml'));
    assert.ok(node.volumes.some((volume) => volume.endsWith(':/models:ro')));
    assert.ok(node.volumes.includes('../.env.prod:/etc/gpt-oss-node/settings.env:ro'));
    assert.deepEqual(node.command, ['serve', '--env-file', '/etc/gpt-oss-node/settings.env']);
    assert.deepEqual(node.secrets, Object.keys(secrets));
    assert.match(read('.env.prod.example'), /^#GPTOSS_API_KEYS_FILE=\/run\/secrets\/api_keys$/m);
    for (const file of ['.env.prod.example', 'deploy/profiles/120b.env', 'deploy/profiles/20b.env']) assert.match(read(file), /^MODEL_PATH=\/models\/gpt-oss-/m);
    const mounts = find('Deployment').spec.template.spec.containers[0].volumeMounts;
    assert.ok(mounts.some((mount) => mount.mountPath === '/models' && mount.readOnly));
});

test('HAProxy accepts its configurations', { skip: isThere('haproxy') ? false : 'haproxy is not installed' }, () => {
    for (const name of ['fleet.cfg', 'single.cfg']) {
        const text = read(`deploy/haproxy/${name}`).replace('/run/haproxy/', `${os.tmpdir()}/`);
        const file = path.join(os.tmpdir(), `gpt-oss-${process.pid}-${name}`);
        fs.writeFileSync(file, text);
        const result = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' });
        fs.rmSync(file);
        assert.equal(result.status, 0, result.stderr);
    }
});

test('the images run as a user, wait for readiness and pin what they are made of', () => {
    for (const name of ['deploy/Dockerfile', 'deploy/Dockerfile.cpu']) {
        const text = read(name).replace(/\\\n\s*/g, ' ');
        for (const [, image] of text.matchAll(/^FROM (\S+)/gm)) assert.doesNotMatch(image, /:latest$|^[^:]+$/);
        assert.match(text, /^ARG DEBIAN=bookworm-\d{8}-slim$/m);
        assert.match(text, /^USER 10001:10001$/m);
        assert.match(text, /^HEALTHCHECK .*\/ready"/m);
        assert.match(text, /^ENTRYPOINT \["/m);
        assert.match(text, /^CMD \["/m);
        assert.doesNotMatch(text, /^ADD |^MAINTAINER |sudo |apt-get install (?!--yes --no-install-recommends)/m);
        for (const [line] of text.matchAll(/^RUN .*apt-get.*$/gm)) assert.match(line, /rm -rf \/var\/lib\/apt\/lists\/\*/);
        assert.doesNotMatch(text, /(PRIVATE_KEY|SEED|SECRET|TOKEN|RPC)[A-Z_]*=\S/);
    }
});
