// What the head was given for a row, as values for a fingerprint: the residual row is copied to the host and normalised
// there, by one formula for every pass and card. Once in 32 tokens of a sequence, so no kernel is worth it.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/device_sampler.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

class HiddenRows {
  public:
    // `max_rows`: of logits. Copies the output norm's gain from the device.
    HiddenRows(const DeviceWeights& weights, std::int32_t max_rows);

    // Device memory it claims.
    static std::int64_t workspace_bytes(const model::Hyperparameters& shape, std::int32_t max_rows);

    // Where the rows of a pass are that want logits: `residual` [row][hidden], on the device, after the last layer.
    void note(std::span<const RowInput> rows, const float* residual);
    // Enqueues copies of the same rows, for a pass in several steps.
    void keep(std::span<const RowInput> rows, cudaStream_t stream);

    // Enqueues copies to the host of the rows of sample() `handle` that want values, before that sample(). Claims host
    // memory when the first row wants any.
    void copy(StepHandle handle, std::span<const SampleRow> rows, cudaStream_t stream);

    // Puts the values into `tokens`, those of the same sample(), once the device is done with it.
    void add_to(StepHandle handle, std::span<SampledToken> tokens) const;

  private:
    struct Wanted {
        std::size_t row = 0;  // of the sample()
        std::int32_t values = 0;
    };
    struct Outstanding {
        PinnedMemory residual;  // [wanted][hidden]
        std::vector<Wanted> wanted;
    };

    std::int32_t hidden_, max_rows_;
    double epsilon_;
    std::vector<float> gain_;
    Arena arena_;
    float* kept_;                     // [max_rows][hidden]
    std::vector<const float*> rows_;  // of the last pass, by logits_index
    std::array<Outstanding, DeviceSampler::kRing> outstanding_;
};

}  // namespace gptoss::backend::cuda
