// The current card with what cards of compute capability 12 have: no wgmma, and at most 99 KB of shared memory a block. Kernels
// chosen for it run on any card, so that they can be timed beside the larger ones.
#pragma once

#include "backend/cuda/cuda_device.h"

namespace gptoss::backend::cuda {

inline DeviceTraits small_card() {
    DeviceTraits card = card_named("rtx-pro-6000");
    card.sm_count = current_device_traits().sm_count;
    return card;
}

}  // namespace gptoss::backend::cuda
