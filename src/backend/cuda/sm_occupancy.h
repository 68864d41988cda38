// How many CTAs of a decode kernel share an SM.
//
// A kernel has one CTA an SM, and two CTAs fit: one of the running kernel and one of the next, which prefetches its
// first weights (programmatic dependent launch). While attention occupies some SMs, CTAs of the kernel after it would
// pile up two an SM on the others. That kernel would take twice as long, and so would the ones after it, because the
// imbalance stays. Therefore the kernel after attention requests more than half of an SM's shared memory: one CTA of
// it fits on an SM, and it waits until attention has left.
#pragma once

#include <cstdint>

namespace gptoss::backend::cuda {

// The shared memory to request so that only one such CTA fits on an SM: `shared_bytes`, or just over half.
// `block_limit`: the most a CTA may request. Since sm_80 an SM has one kilobyte more than that.
constexpr std::int64_t one_block_per_sm(std::int64_t shared_bytes, std::int64_t block_limit) {
    const std::int64_t more_than_half = (block_limit + 1024) / 2 + 1;
    return shared_bytes < more_than_half ? more_than_half : shared_bytes;
}

}  // namespace gptoss::backend::cuda
