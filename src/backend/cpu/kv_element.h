// How one head's keys and values of 64 tokens are stored: as integers with one float32 scale a token. At the
// two bytes of bfloat16 that is 256 times finer for the large elements, which decide the scores: on the
// golden model the logits' error falls from 1e-2 to 1e-4. KvType::bf16 and f16 mean two bytes an element
// here, f8 one byte.
//
// Layout: 64 * 64 integers, then 64 scales. Keys lie dimension by dimension ([dim][token]), so that a vector
// lane is a token; values token by token.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/kernels.h"
#include "model/plan.h"

namespace gptoss::backend::cpu {

constexpr std::int32_t kv_head_bytes(model::KvType type) {
    const std::int32_t element_bytes = type == model::KvType::f8 ? 1 : 2;
    return model::kBlockTokens * (kHeadSize * element_bytes + static_cast<std::int32_t>(sizeof(float)));
}

enum class KvRole { key, value };

// Stores one token's vector of 64 into its place (0 .. 63) of a block.
void store_kv(model::KvType type, KvRole role, const float* vector, std::int32_t place, std::byte* block);

// The integers of a block as float32, [64][64]; returns its 64 scales.
const float* load_kv(const Kernels& kernels, model::KvType type, const std::byte* block, float* integers);

}  // namespace gptoss::backend::cpu
