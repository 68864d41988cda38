# Sourced: `node` becomes the path of gpt-oss-node, or the script ends. GPT_OSS_NODE names one; otherwise what was built in this
# repository (with CUDA before without), otherwise an installed one.
# shellcheck shell=bash
find_node() {
    local root each
    root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
    node="${GPT_OSS_NODE:-}"
    for each in "$root/build/cuda/gpt-oss-node" "$root/build/release/gpt-oss-node" "$(command -v gpt-oss-node || true)"; do
        [ -z "$node" ] && [ -x "$each" ] && node="$each"
    done
    if [ -z "$node" ] || [ ! -x "$node" ]; then
        echo "error: no gpt-oss-node${node:+ at $node}: build it with ./run, install it, or name it in GPT_OSS_NODE" >&2
        exit 2
    fi
}
find_node
