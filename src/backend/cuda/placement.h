// How the blocks of a step's kernels spread over the multiprocessors.
//
// Every stage has one block a multiprocessor, and two blocks fit there: the stage that runs and the next one,
// which waits with its first weights on their way. But while attention occupies a few multiprocessors, blocks
// of the stage after it that find no room there are placed beside their like elsewhere. Those stages then
// take twice as long, and so do the ones after them, which find room just as uneven. So the stage after
// attention asks for more than half of the shared memory: it waits for a multiprocessor of its own, and
// whoever follows finds one such block everywhere and room for exactly one beside it.
#pragma once

#include <cstdint>

namespace gptoss::backend::cuda {

// `shared_bytes`, or more: so much that a multiprocessor holds only one block that asks for it. `block_limit`: the
// most a block may ask for. Since sm_80 a multiprocessor has one kilobyte more than that.
constexpr std::int64_t one_block_a_multiprocessor(std::int64_t shared_bytes, std::int64_t block_limit) {
    const std::int64_t more_than_half = (block_limit + 1024) / 2 + 1;
    return shared_bytes < more_than_half ? more_than_half : shared_bytes;
}

}  // namespace gptoss::backend::cuda
