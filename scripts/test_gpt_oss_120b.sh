#!/usr/bin/env bash
# Is a running node gpt-oss-120b as it should be? `gpt-oss-node check` with the 120b's thresholds: the whole context of
# 131,072 tokens, a fact to find in 120,000, every layer on the GPU, verified weights, less than 95,000 MiB of memory,
# at least 5 tokens a second.
#
#   scripts/test_gpt_oss_120b.sh [URL] [further options of `gpt-oss-node check`]
#
# The key, where one is needed, is in OPENAI_API_KEY. Exit status: 0 nothing failed, 1 something did, 2 nobody answered.
set -euo pipefail

# shellcheck source=scripts/lib/find_node.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/find_node.sh"

url=http://127.0.0.1:8080
case "${1:-}" in
    http://* | https://*)
        url="$1"
        shift
        ;;
esac

# Options given by the caller come last. CLI11 refuses an option given twice: so only those that are not there.
options=(--url "$url")
add_unless_given() {   # add_unless_given OPTION VALUE ARGUMENTS...
    local option="$1" value="$2"
    shift 2
    case " $* " in *" $option "* | *" $option="*) return ;; esac
    options+=("$option" "$value")
}
add_unless_given --context 131072 "$@"
add_unless_given --context-tokens 120000 "$@"
add_unless_given --vram-ceiling-mb 95000 "$@"
add_unless_given --min-tokens-per-second 5 "$@"

exec "$node" check "${options[@]}" --require-verified --require-gpu "$@"
