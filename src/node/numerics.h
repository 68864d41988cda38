// What the bits of a reply depend on beside the weights and the request, as one line and as its hash. Receipts,
// GET /version and GET /v1/models report it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "backend/backend.h"
#include "provenance/chain/bytes.h"

namespace gptoss::node {

struct Numerics {
    std::string text;  // "gpt-oss-node 1.0; gcc 13; cpu; order 1; AVX2 kernels; bf16 cache; any batch"
    provenance::chain::Word digest{};  // keccak256 of the text
};

Numerics numerics_of(const backend::BackendInfo& info);

// {"digest", "text", "batch_invariant"}
nlohmann::ordered_json to_json(const Numerics& numerics, const backend::BackendInfo& info);

}  // namespace gptoss::node
