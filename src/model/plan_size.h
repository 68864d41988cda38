// How large a KV cache, and for how many conversations at a time, where nobody says it: as large as the memory
// allows.
#pragma once

#include <cstdint>
#include <functional>

#include "model/plan.h"

namespace gptoss::model {

// What a conversation usually holds: the number of those computed at a time follows from it, and the number of
// those whose windows the prefix cache keeps.
inline constexpr std::int32_t kUsualTokens = 4096;
inline constexpr std::int32_t kMostSequences = 256, kFewestSequences = 16;

// Memory of a card that is nobody else's is used whole, but for a reserve for what a driver and other programs
// take later. Of memory that is shared (a CPU's, a card on which others live) half is left.
struct MemoryShare {
    std::int64_t total_bytes = 0;  // of the card, 0 = not known
    std::int64_t free_bytes = 0;   // below the ceiling, before anything is loaded
    bool shared = false;
    std::int64_t usable_bytes() const;
};
// At least half a gibibyte, or 2 % of the card.
std::int64_t reserve_bytes(std::int64_t total_bytes);

// What is left open in `request`.
struct OpenSizes {
    bool sequences = false, cache_tokens = false;
};

// Fills in what is open, so that `plan_of` of the result takes no more than may be used of `device` and, where
// the plan has a share there, of the host. The cache holds one context at least, and no more than all sequences
// could fill. Where not even that fits, the request comes back with one context and the fewest sequences.
// `plan_of` must plan what it is given: with more sequences or tokens a plan does not become smaller.
PlanRequest fill_memory(PlanRequest request, OpenSizes open, const MemoryShare& device,
                        const std::function<MemoryPlan(const PlanRequest&)>& plan_of);

}  // namespace gptoss::model
