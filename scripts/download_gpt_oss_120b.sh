#!/usr/bin/env bash
# Downloads gpt-oss-120b (3 parts, 63.4 GB), resumable and checked: a thin wrapper of `gpt-oss-node download`.
#   scripts/download_gpt_oss_120b.sh [FOLDER] [download's options, such as --limit 50M]
set -euo pipefail
# shellcheck source=scripts/lib/find_node.sh
. "$(dirname "$0")/lib/find_node.sh"
folder="${1:-models/gpt-oss-120b-GGUF}"
[ $# -gt 0 ] && shift
exec "$node" download gpt-oss-120b --to "$folder" "$@"
