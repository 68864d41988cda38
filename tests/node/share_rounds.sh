#!/usr/bin/env bash
# Many random cases of one suite of receipt_proof_tests, shared by as many processes as there are processors: each asks
# other questions. Prints what they measured.
#
#   tests/node/share_rounds.sh PROGRAM SUITE ROUNDS [PROCESSES]
#   GPTOSS_TEST_DEVICE=cuda tests/node/share_rounds.sh build/cuda/tests/node/receipt_proof_tests SameBits 2000 5
set -euo pipefail
program="$1" suite="$2" rounds="$3" processes="${4:-$(nproc)}"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
pids=()
for ((i = 0; i < processes; ++i)); do
    GPTOSS_ROUNDS=$(((rounds + processes - 1) / processes)) "$program" --gtest_filter="$suite.*" --gtest_shuffle \
        --gtest_random_seed=$((i + 1)) >"$logs/$i" 2>&1 &
    pids+=($!)
done
failed=0
for i in "${!pids[@]}"; do
    wait "${pids[$i]}" || { failed=1; cat "$logs/$i"; }
done
grep -h 'measured\|accepted' "$logs"/* | sort
exit "$failed"
