// VRAM_CEILING_MB as bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/needs.h"
#include "node/settings.h"

namespace gptoss::node {

// Most of a card's memory that may be in use by all programs; 0 = no ceiling. Where the setting says nothing,
// cards of 96 to 98 thousand MiB (the RTX PRO 6000 and its like) get 95,000: the room their hosts keep for
// other programs.
inline std::int64_t memory_ceiling_bytes(const Settings& settings, std::int64_t card_bytes) {
    constexpr std::int64_t kMiB = 1 << 20;
    if (settings.vram_ceiling_mb >= 0) return settings.vram_ceiling_mb * kMiB;
    const bool is_96_gb_card = card_bytes >= 95'500 * kMiB && card_bytes <= 98'500 * kMiB;
    return is_96_gb_card ? 95'000 * kMiB : 0;
}

// What is free of the card below its ceiling, which leaves room for what else lives there.
inline std::int64_t below_ceiling(std::int64_t ceiling_bytes, const backend::DeviceNeeds& needs) {
    if (ceiling_bytes == 0) return needs.free_bytes;
    const std::int64_t used_bytes = needs.total_bytes - needs.free_bytes;
    return std::max<std::int64_t>(0, std::min(needs.free_bytes, ceiling_bytes - used_bytes));
}

}  // namespace gptoss::node
