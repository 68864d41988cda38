// A model on a device, ready to compute: everything the decode and the prompt paths share.
#pragma once

#include "backend/cuda/decode_stages.h"
#include "backend/cuda/device_state.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

struct DeviceModel {
    DeviceWeights weights;
    KvPool full, sliding;
    BlockTables tables;
    RopeFrequencies frequencies;

    const KvPool& pool(std::int32_t layer) const { return weights.shape.slides(layer) ? sliding : full; }
    std::int32_t pool_layer(std::int32_t layer) const { return weights.range.pool_layer(layer); }
};

}  // namespace gptoss::backend::cuda
