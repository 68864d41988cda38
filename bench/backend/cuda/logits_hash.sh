#!/usr/bin/env bash
# One line a run: the SHA-256 of the logits of small models on the GPU, decoded and in batches. Two builds that
# print the same lines compute the same bits: run it before and after a change that only moves code.
#
#   bench/backend/cuda/logits_hash.sh build/cuda/gpt-oss-node
set -euo pipefail
program=${1:?the program to run}
root=$(cd "$(dirname "$0")/../../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

demo=$(find "$root/models/demo" -name '*.gguf' | sort | head -n 1)
golden=$root/tests/data/oracle/small-00001-of-00003.gguf
python3 - "$root/tests/data/oracle/small.json" "$scratch/golden.json" "$scratch/demo.json" <<'PYTHON'
import json, sys
tokens = json.load(open(sys.argv[1]))["tokens_600"]
json.dump(tokens, open(sys.argv[2], "w"))
json.dump([(t * 7919 + i) % 256 for i, t in enumerate(tokens)], open(sys.argv[3], "w"))
PYTHON
for model in golden demo; do
    file=$([[ $model = golden ]] && echo "$golden" || echo "$demo")
    for batch in 1 5 8 16 100 600; do
        "$program" logits --model "$file" --tokens "$scratch/$model.json" --out "$scratch/out" --last 64 \
            --device cuda --batch "$batch"
        echo "$model, batches of $batch: $(sha256sum <"$scratch/out" | cut -c1-16)"
    done
done
