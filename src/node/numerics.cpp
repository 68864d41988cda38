#include "node/numerics.h"

namespace gptoss::node {

// The compiler decides where a product and a sum are rounded once.
#if defined(__clang__)
#define GPTOSS_COMPILER "clang " __clang_version__
#else
#define GPTOSS_COMPILER "gcc " __VERSION__
#endif

Numerics numerics_of(const backend::BackendInfo& info) {
    Numerics numerics;
    numerics.text = "gpt-oss-node " GPTOSS_VERSION "; " GPTOSS_COMPILER "; " + info.numerics +
                    (info.batch_invariant ? "; any batch" : "; by the batch");
    numerics.digest = provenance::chain::keccak256(numerics.text);
    return numerics;
}

nlohmann::ordered_json to_json(const Numerics& numerics, const backend::BackendInfo& info) {
    return {{"digest", provenance::chain::to_hex_prefixed(numerics.digest)},
            {"text", numerics.text},
            {"batch_invariant", info.batch_invariant}};
}

}  // namespace gptoss::node
