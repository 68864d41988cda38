#!/usr/bin/env bash
# Downloads gpt-oss-120b (3 parts, 63.4 GB), resumable and checked: a thin wrapper of `gpt-oss-node download`.
#   scripts/download_gpt_oss_120b.sh [FOLDER] [download's options, such as --limit 50M]
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
node="${GPT_OSS_NODE:-$(command -v gpt-oss-node || true)}"
[ -n "$node" ] || for built in "$here"/build/{cuda,release}/gpt-oss-node; do [ -x "$built" ] && node="$built" && break; done
[ -n "$node" ] || { echo "gpt-oss-node is not built: run ./run once, or set GPT_OSS_NODE" >&2; exit 1; }
folder="${1:-models/gpt-oss-120b-GGUF}"
[ $# -gt 0 ] && shift
exec "$node" download gpt-oss-120b --to "$folder" "$@"
