// Storing activations in the order of columns that the weights they will meet are packed in (gemm.h).
#pragma once

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_ptx.cuh"

namespace gptoss::backend::cuda {

// Four neighbouring values of a row; `column` a multiple of four.
__device__ __forceinline__ void store_quad(__half* row, int column, ActivationOrder order,
                                           const float (&v)[4]) {
    const bool nibbles = order == ActivationOrder::nibbles;
    __half* first = row + stored_column(order, column);
    *reinterpret_cast<__half2*>(first) = nibbles ? to_half2(v[0], v[2]) : to_half2(v[0], v[1]);
    *reinterpret_cast<__half2*>(first + 8) = nibbles ? to_half2(v[1], v[3]) : to_half2(v[2], v[3]);
}

}  // namespace gptoss::backend::cuda
