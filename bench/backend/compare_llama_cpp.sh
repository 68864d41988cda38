#!/usr/bin/env bash
# Generation and prompt speed of this node beside llama.cpp on the CPU: same file (random weights of the 20b's shape,
# 12 GB), same threads, one after the other, as a Markdown table.
# Use: bench/backend/compare_llama_cpp.sh [path of gpt-oss-node]    (needs node and npm, 13 GB of disk, 16 GB of memory)
# Settings: PROMPT=256 GENERATE=64 THREADS=<cores> FOLDER=build/compare KEEP=1 (keeps the file)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
binary="$(realpath "${1:-$here/../../build/release/gpt-oss-node}")"
folder="${FOLDER:-$here/../../build/compare}"
prompt="${PROMPT:-256}" generate="${GENERATE:-64}" threads="${THREADS:-$(nproc)}"

mkdir -p "$folder" && cd "$folder"
[ -d node_modules/node-llama-cpp ] ||
    { [ -f package.json ] || npm init -y; npm install --ignore-scripts node-llama-cpp; } > npm.log 2>&1
model="$PWD/synthetic-20b.gguf"
[ -f "$model" ] || "$binary" bench --synthetic gpt-oss-20b --write "$model"
[ -n "${KEEP:-}" ] || trap 'rm -f "$model"' EXIT

ours() { "$binary" bench --model "$model" -p "$prompt" -n "$generate" --threads "$threads" --json; }
theirs() { node "$here/llama_cpp.mjs" . "$model" "$prompt" "$generate" "$threads" 2> llama_cpp.log | tail -1; }
theirs > llama_cpp.json
ours > ours.json
node - ours.json llama_cpp.json "$(node -p "require('./node_modules/node-llama-cpp/package.json').version")" <<'JS'
const { readFileSync } = require("node:fs");
const [ours, theirs] = process.argv.slice(2, 4).map((name) => JSON.parse(readFileSync(name)));
const speed = (value) => `${value.toFixed(1)} tok/s`;
const row = (name, key) =>
    `| ${name} | ${speed(ours[key])} | ${speed(theirs[key])} | ${(ours[key] / theirs[key]).toFixed(2)} |`;
console.log(`${ours.device}; memory reads ${ours.bandwidth_gb_per_second.toFixed(1)} GB/s\n`);
console.log(`| 20b shape, random weights | gpt-oss-node | llama.cpp (node-llama-cpp ${process.argv[4]}) | ratio |`);
console.log("|---|---|---|---|");
console.log(row(`prompt, ${ours.prompt_tokens} tokens`, "prompt_tokens_per_second"));
console.log(row(`generation, ${ours.generated_tokens} tokens`, "generated_tokens_per_second"));
console.log(
    `\nGeneration reads ${ours.read_gb_per_second.toFixed(1)} GB/s of weights: ` +
        `${(100 * ours.share_of_bandwidth).toFixed(0)} % of the measured bandwidth.`,
);
JS
