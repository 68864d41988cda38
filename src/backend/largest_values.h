// The values of a hidden state that a fingerprint holds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::backend {

// The `count` largest by magnitude, the lower index on ties; all of them when there are fewer.
inline std::vector<HiddenValue> largest_values(std::span<const float> hidden, std::int32_t count) {
    std::vector<std::int32_t> order(hidden.size());
    std::iota(order.begin(), order.end(), 0);
    const auto kept = std::min<std::size_t>(static_cast<std::size_t>(std::max(count, 0)), hidden.size());
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(kept), [&](auto a, auto b) {
        const float x = std::abs(hidden[a]), y = std::abs(hidden[b]);
        return x != y ? x > y : a < b;
    });
    std::vector<HiddenValue> values;
    for (std::size_t i = 0; i < kept; ++i) values.push_back({order[i], hidden[order[i]]});
    return values;
}

}  // namespace gptoss::backend
