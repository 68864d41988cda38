// One batch through the model, or through some of its layers, on the CPU. Two fulfil it: exact.cpp (the
// float32 reference) and forward.cpp (fast).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backend/backend.h"
#include "backend/cpu/kv_pool.h"
#include "base/thread_pool.h"

namespace gptoss::backend::cpu {

class ForwardPass {
  public:
    virtual ~ForwardPass() = default;

    // `batch` is checked and its tokens are all real. Writes [logits_rows][vocabulary] when the last layer is
    // computed here.
    virtual void compute(const Batch& batch, std::span<float> logits) = 0;

    // [row][hidden] after the last layer computed here, of the last compute().
    virtual std::span<const float> residual() const = 0;

    // [hidden]: what the head was given for one of the last compute()'s logits_rows.
    virtual std::span<const float> hidden(std::int32_t logits_index) = 0;

    // As Backend::choose_kernels(). Throws Error(device_failed) when all are banned.
    virtual void choose_kernels(const KernelChoice& kernels) { static_cast<void>(kernels); }

    virtual KvCache& kv_cache() = 0;
    virtual std::string description() const = 0;  // "float32 reference", "AVX-512 VNNI"
    virtual std::int64_t claimed_bytes() const = 0;
};

// Of `options.layers`, or of all when it is empty.
inline model::LayerRange layers_of(const BackendOptions& options, const model::Hyperparameters& shape) {
    return options.layers.empty() ? model::LayerRange{0, shape.layers} : options.layers;
}

std::unique_ptr<ForwardPass> make_exact_forward(const model::Weights& weights, const BackendOptions& options,
                                                ThreadPool& pool);

std::unique_ptr<ForwardPass> make_fast_forward(const model::Weights& weights, const BackendOptions& options,
                                               ThreadPool& pool);

}  // namespace gptoss::backend::cpu
