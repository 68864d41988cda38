// The activation between the experts' two products, as gpt-oss has it (openai/gpt-oss gpt_oss/torch/model.py,
// swiglu): gate * sigmoid(1.702 gate) * (up + 1), the gate at most 7, up within 7. At most 56 in size.
#pragma once

#include "model/hyperparameters.h"

namespace gptoss::backend::cuda {

__device__ __forceinline__ float swiglu(float gate, float up) {
    constexpr float kLimit = model::Hyperparameters::kSwigluLimit;
    gate = fminf(gate, kLimit);
    up = fminf(fmaxf(up, -kLimit), kLimit);
    return __fdividef(gate, 1.0F + __expf(-model::Hyperparameters::kSwigluAlpha * gate)) * (up + 1.0F);
}

}  // namespace gptoss::backend::cuda
