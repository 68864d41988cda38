// Matrix times rows of activations: the work of a stage cut into pairs of panels that threads take as they
// become free. A pair's weights are read from memory once and used for every row.
#pragma once

#include <algorithm>
#include <span>

#include "backend/cpu/activations.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/packed_matrix.h"
#include "backend/cpu/router.h"
#include "base/thread_pool.h"

namespace gptoss::backend::cpu {

// out[row * out_stride + r] (+)= matrix row r . activation row + bias[r]
struct Projection {
    const PackedMatrix* matrix = nullptr;
    const float* bias = nullptr;  // may be null
    float* out = nullptr;
    std::int64_t out_stride = 0;
    bool accumulate = false;
};

// All projections read the same rows and are one stage.
void project(ThreadPool& pool, const Kernels& kernels, std::span<const Projection> projections,
             std::span<const ActivationRow> rows);

struct PackedExperts {
    PackedMatrix gate_up, down;  // a group an expert; gate and up joined
    const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
};

// x[row] += sum over a row's experts of weight * expert(row). `activated` is workspace: a row for each
// assignment, as wide as an expert. Contributions are added in the order of expert numbers.
void apply_experts(ThreadPool& pool, const Kernels& kernels, const PackedExperts& experts,
                   const Routing& routing, std::span<const ActivationRow> rows, Activations& activated,
                   float* x, std::int64_t x_stride);

}  // namespace gptoss::backend::cpu
