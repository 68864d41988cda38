// The current card with what cards of compute capability 12 have: no wgmma, and at most 99 KB of shared memory a block. Kernels
// chosen for it run on any card, so that they can be timed beside the larger ones.
#pragma once

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/launch.cuh"

namespace gptoss::backend::cuda {

// Kernels that are prepared afterwards get 100 KB of an SM, so that no two of their blocks meet there.
inline DeviceTraits small_card() {
    DeviceTraits card = card_named("rtx-pro-6000");
    card.sm_count = current_device_traits().sm_count;
    shared_memory_carveout = 43;  // of 228 KB; the next size up is 100 KB, as those cards have
    return card;
}

}  // namespace gptoss::backend::cuda
