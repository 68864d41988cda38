#include "qualify/known_answers.h"

namespace gptoss::qualify {
namespace {

struct Known {
    std::string_view composite;
    std::array<std::string_view, kQuestions.size()> digests;
};

constexpr std::array<Known, 1> kKnown = {{
    // The demo model, models/demo.
    {"2961d809bfa9b8b774b14b9fca3a850d2de0d96cbd6cedbb829175019b8f4461",
     {"1242fcf2b118c88b", "3d54a6518f26db7d", "0e1a6535f5f61114", "613f5e53cfc23447", "be1953c9b22921a0",
      "aa0259aa55e3f7d0"}},
}};

}  // namespace

std::span<const std::string_view> known_digests(std::string_view composite_sha256) {
    for (const Known& each : kKnown)
        if (each.composite == composite_sha256) return each.digests;
    return {};
}

}  // namespace gptoss::qualify
