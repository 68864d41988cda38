// VRAM_CEILING_MB as bytes.
#pragma once

#include <cstdint>

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

}  // namespace gptoss::node
