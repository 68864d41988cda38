// Consecutive layers of a model: what one place computes when the model is in two.
#pragma once

#include <cstdint>

namespace gptoss::model {

struct LayerRange {
    std::int32_t first = 0, end = 0;  // [first, end)

    constexpr bool empty() const { return first >= end; }
    // Even layers slide, odd layers see everything (hyperparameters.h).
    constexpr std::int32_t full_layers() const { return end / 2 - first / 2; }
    constexpr std::int32_t sliding_layers() const { return (end + 1) / 2 - (first + 1) / 2; }
    // Where a layer of the range is in its KV pool, which holds the range's layers of its kind and no others.
    constexpr std::int32_t pool_layer(std::int32_t layer) const {
        return layer / 2 - (layer % 2 == 0 ? (first + 1) / 2 : first / 2);
    }
    bool operator==(const LayerRange&) const = default;
};

}  // namespace gptoss::model
