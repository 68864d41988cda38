// A model in two places: one computes the first layers, the other the rest, the head and the sampling.
// Between them travel residual rows, float32 as both keep them. GPU_LAYERS=N is this: the CPU below, the GPU
// above.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace gptoss::backend {

// The first layers. Tokens go in, residual rows come out.
class LowerLayers {
  public:
    virtual ~LowerLayers() = default;
    virtual const BackendInfo& info() const = 0;

    // Fills the KV blocks of its layers. All tokens are real and no row wants logits. The result is
    // [row][hidden], after its last layer; valid until the next call.
    virtual std::span<const float> forward(const Batch& batch) = 0;
    virtual void copy_block(Pool pool, BlockId from, BlockId to) = 0;
    virtual bool choose_kernels(const KernelChoice& kernels) = 0;  // as Backend's
};

// `options.layers` begin at 0 and end before the last one; the rest as for make_cpu_backend().
std::unique_ptr<LowerLayers> make_cpu_lower_layers(const model::Weights& weights,
                                                   const BackendOptions& options);

// `upper` was made with the layers that `lower` leaves; both with the same plan.
std::unique_ptr<Backend> make_split_backend(std::unique_ptr<LowerLayers> lower,
                                            std::unique_ptr<Backend> upper, const BackendOptions& options);

}  // namespace gptoss::backend
