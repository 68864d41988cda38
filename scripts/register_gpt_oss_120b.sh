#!/usr/bin/env bash
# The ModelRegistry entry of gpt-oss-120b: a thin wrapper of `gpt-oss-node register`.
#   scripts/register_gpt_oss_120b.sh [FOLDER] [--send] [register's options]
# Without --send nothing is sent. The composite hash is that of the parts in FOLDER, and must be the known one.
# Settings: RPC_URL, CHAIN_ID, CONTRACT_MODEL_REGISTRY; to send, OWNER_PRIVATE_KEY_FILE (or OWNER_PRIVATE_KEY).
set -euo pipefail
# shellcheck source=scripts/lib/find_node.sh
. "$(dirname "$0")/lib/find_node.sh"
folder=models/gpt-oss-120b-GGUF
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    folder="$1"
    shift
fi
exec "$node" register --release gpt-oss-120b --model "$folder/gpt-oss-120b-mxfp4-00001-of-00003.gguf" \
    --composite 532e271965fdf309c6d51f063b83162bea63858ca56c9bca9c884fd6803352a7 "$@"
