#include "model/plan_size.h"

#include <algorithm>
#include <array>
#include <limits>

namespace gptoss::model {
namespace {

constexpr std::int64_t kMostCacheTokens = std::numeric_limits<std::int32_t>::max();

class Sizes {
  public:
    Sizes(const MemoryShare& device, const std::function<MemoryPlan(const PlanRequest&)>& plan_of)
        : usable_bytes_(device.usable_bytes()), plan_of_(plan_of) {}

    // With the most tokens that fit beside the sequences it asks for; 0 tokens when one context does not.
    PlanRequest with_most_tokens(PlanRequest request) const {
        const std::int64_t most = std::min(
            kMostCacheTokens, std::int64_t{request.context_length} * std::max(request.max_sequences, 1));
        std::int64_t fit = 0, too_many = most / kBlockTokens + 1;
        while (too_many - fit > 1) {
            const std::int64_t middle = fit + (too_many - fit) / 2;
            (fits(with_tokens(request, middle * kBlockTokens)) ? fit : too_many) = middle;
        }
        const std::int64_t tokens = fit * kBlockTokens;
        return with_tokens(request, tokens >= request.context_length ? tokens : 0);
    }

    static PlanRequest with_tokens(PlanRequest request, std::int64_t tokens) {
        request.cache_tokens = tokens;
        request.kept_windows =
            std::max(request.max_sequences, static_cast<std::int32_t>(tokens / kUsualTokens));
        return request;
    }

  private:
    bool fits(const PlanRequest& request) const {
        const MemoryPlan plan = plan_of_(request);
        return plan.total_bytes() <= usable_bytes_ &&
               (plan.host.free_bytes == 0 || plan.host.total_bytes() <= plan.host.free_bytes / 2);
    }

    std::int64_t usable_bytes_;
    const std::function<MemoryPlan(const PlanRequest&)>& plan_of_;
};

}  // namespace

std::int64_t reserve_bytes(std::int64_t total_bytes) {
    constexpr std::int64_t kLeast = std::int64_t{512} << 20;
    return std::max(kLeast, total_bytes / 50);
}

std::int64_t MemoryShare::usable_bytes() const {
    if (shared) return free_bytes / 2;
    return std::max<std::int64_t>(0, free_bytes - reserve_bytes(total_bytes));
}

PlanRequest fill_memory(PlanRequest request, OpenSizes open, const MemoryShare& device,
                        const std::function<MemoryPlan(const PlanRequest&)>& plan_of) {
    const Sizes sizes(device, plan_of);
    const auto fill = [&](std::int32_t sequences) {
        request.max_sequences = sequences;
        return open.cache_tokens ? sizes.with_most_tokens(request) : request;
    };
    if (!open.sequences) return fill(request.max_sequences);
    constexpr std::array kSteps{kMostSequences, 192, 128, 96, 64, 48, 32, kFewestSequences};
    for (const std::int32_t sequences : kSteps) {
        if (sequences > request.max_batch_tokens) continue;  // a step holds a row of each
        const PlanRequest filled = fill(sequences);
        if (filled.cache_tokens >= std::int64_t{kUsualTokens} * sequences) return filled;
    }
    return fill(kFewestSequences);
}

}  // namespace gptoss::model
