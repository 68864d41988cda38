#include "backend/cpu/kv_element.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kElements = model::kBlockTokens * kHeadSize;

template <typename Integer>
void store_integers(KvRole role, const float* vector, std::int32_t place, std::byte* block, float limit) {
    float largest = 0;
    for (std::int32_t d = 0; d < kHeadSize; ++d) largest = std::max(largest, std::abs(vector[d]));
    const float scale = std::max(largest, 1e-30F) / limit;
    const float inverse = 1.0F / scale;
    auto* integers = reinterpret_cast<Integer*>(block);
    const std::int32_t first = role == KvRole::key ? place : place * kHeadSize;
    const std::int32_t stride = role == KvRole::key ? model::kBlockTokens : 1;
    for (std::int32_t d = 0; d < kHeadSize; ++d)
        integers[first + d * stride] =
            static_cast<Integer>(std::clamp(std::nearbyint(vector[d] * inverse), -limit, limit));
    std::memcpy(block + kElements * sizeof(Integer) + place * sizeof scale, &scale, sizeof scale);
}

}  // namespace

void store_kv(model::KvType type, KvRole role, const float* vector, std::int32_t place, std::byte* block) {
    if (type == model::KvType::f8)
        store_integers<std::int8_t>(role, vector, place, block, 127.0F);
    else
        store_integers<std::int16_t>(role, vector, place, block, 32767.0F);
}

const float* load_kv(const Kernels& kernels, model::KvType type, const std::byte* block, float* integers) {
    const bool one_byte = type == model::KvType::f8;
    (one_byte ? kernels.widen_int8 : kernels.widen_int16)(block, kElements, integers);
    return reinterpret_cast<const float*>(block + (one_byte ? 1 : 2) * kElements);
}

}  // namespace gptoss::backend::cpu
