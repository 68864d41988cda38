#!/usr/bin/env node
// Writes .env.prod.example from docs/settings.md, the node's own table, so that none is missing and none is explained
// twice:
//   gpt-oss-node serve --settings-markdown > docs/settings.md && scripts/make-env-example.mjs > .env.prod.example
// Settings that a production node should set are set; the others stand there with their defaults, commented out.
import fs from 'node:fs';

const values = {
    MODEL_PATH: '/models/gpt-oss-20b-GGUF/gpt-oss-20b-mxfp4.gguf',
    MAX_CONTEXT_LENGTH: '8192',
    GPU_LAYERS: '99',
    LLAMA_BATCH_SIZE: '2048',
    MODEL_CHAT_TEMPLATE: 'harmony',
    GPTOSS_HOST: '127.0.0.1',
    API_PORT: '8080',
};
const examples = {
    GPTOSS_API_KEYS_FILE: '/run/secrets/api_keys',
    TLS_CERTIFICATE_FILE: '/run/secrets/tls_certificate.pem',
    TLS_KEY_FILE: '/run/secrets/tls_key.pem',
    GPTOSS_ALLOWED_HOSTS: 'node.example.org',
    GPTOSS_CORS_ORIGIN: 'https://chat.example.org',
    GPTOSS_MODEL_NAME: 'gpt-oss-20b',
    CONTRACT_MODEL_REGISTRY: '0x0000000000000000000000000000000000000000',
    CONTRACT_NODE_REGISTRY: '0x0000000000000000000000000000000000000000',
    CONTRACT_JOB_MARKETPLACE: '0x0000000000000000000000000000000000000000',
    CONTRACT_HOST_EARNINGS: '0x0000000000000000000000000000000000000000',
    USDC_TOKEN: '0x0000000000000000000000000000000000000000',
    GPTOSS_LEDGER_PATH: '/var/lib/gpt-oss-node/ledger.sqlite',
    GPTOSS_RECEIPTS_PATH: '/var/lib/gpt-oss-node/receipts.sqlite',
};

const wrap = (text, width = 118) => {
    const lines = [''];
    for (const word of text.split(' ')) {
        const line = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
        if (line.length > width) lines.push(word); else lines[lines.length - 1] = line;
    }
    return lines.map((line) => `# ${line}`).join('\n');
};

let out = `# The settings of a node in production. Copy to .env.prod, which git ignores, and change what differs:
#   cp .env.prod.example .env.prod
#   gpt-oss-node --check-config --env-file .env.prod
# Made by scripts/make-env-example.mjs from the node's own table (docs/settings.md). A name the node does not know, or a
# value it cannot read, is an error. /models and /run/secrets are where deploy/compose.yaml, deploy/kubernetes and
# scripts/restart-and-deploy-openai.sh put the models and the secrets; secrets are files, never values here.
# From gpt-oss-20b with 8K of context to gpt-oss-120b with 131K is a change of MODEL_PATH and MAX_CONTEXT_LENGTH alone:
# docs/GPT-OSS-120B-UPGRADE-GUIDE.md.
`;
const table = fs.readFileSync(new URL('../docs/settings.md', import.meta.url), 'utf8');
for (const line of table.split('\n')) {
    const group = line.match(/^## (.*)/);
    if (group) out += `\n# ---- ${group[1]} ----\n`;
    const row = line.match(/^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \| (.*) \|$/);
    if (!row) continue;
    const [, name, flag, fallback, help] = row;
    const secret = flag === '' && fallback === '';
    out += `\n${wrap(help)}\n`;
    if (name in values) out += `${name}=${values[name]}\n`;
    else if (secret) out += `#${name}_FILE=/run/secrets/${name.toLowerCase()}\n`;
    else out += `#${name}=${examples[name] ?? fallback.replaceAll('`', '')}\n`;
}
process.stdout.write(out);
