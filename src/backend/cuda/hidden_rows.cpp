#include "backend/cuda/hidden_rows.h"

#include <cuda_runtime.h>

#include <cmath>

#include "backend/largest_values.h"

namespace gptoss::backend::cuda {

std::int64_t HiddenRows::workspace_bytes(const model::Hyperparameters& shape, std::int32_t max_rows) {
    return Arena::padded(std::int64_t{max_rows} * shape.hidden * std::int64_t{sizeof(float)});
}

HiddenRows::HiddenRows(const DeviceWeights& weights, std::int32_t max_rows)
    : hidden_(weights.shape.hidden),
      max_rows_(max_rows),
      epsilon_(weights.shape.rms_epsilon),
      gain_(static_cast<std::size_t>(hidden_)),
      arena_(workspace_bytes(weights.shape, max_rows)),
      kept_(arena_.take_array<float>(std::int64_t{max_rows} * hidden_)),
      rows_(static_cast<std::size_t>(max_rows)) {
    cuda_check(
        cudaMemcpy(gain_.data(), weights.output_norm, gain_.size() * sizeof(float), cudaMemcpyDeviceToHost));
}

void HiddenRows::note(std::span<const RowInput> rows, const float* residual) {
    for (const RowInput& row : rows) {
        if (row.logits_index >= 0) rows_[static_cast<std::size_t>(row.logits_index)] = residual;
        residual += hidden_;
    }
}

void HiddenRows::keep(std::span<const RowInput> rows, cudaStream_t stream) {
    for (const RowInput& row : rows) {
        if (row.logits_index < 0) continue;
        const float*& place = rows_[static_cast<std::size_t>(row.logits_index)];
        float* kept = kept_ + std::int64_t{row.logits_index} * hidden_;
        cuda_check(
            cudaMemcpyAsync(kept, place, gain_.size() * sizeof(float), cudaMemcpyDeviceToDevice, stream));
        place = kept;
    }
}

void HiddenRows::copy(StepHandle handle, std::span<const SampleRow> rows, cudaStream_t stream) {
    Outstanding& step = outstanding_[handle % outstanding_.size()];
    step.wanted.clear();
    const std::size_t row_bytes = gain_.size() * sizeof(float);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].hidden_values <= 0) continue;
        if (!step.residual) step.residual = allocate_pinned(max_rows_ * static_cast<std::int64_t>(row_bytes));
        cuda_check(cudaMemcpyAsync(step.residual.get() + step.wanted.size() * row_bytes,
                                   rows_[static_cast<std::size_t>(rows[i].logits_index)], row_bytes,
                                   cudaMemcpyDeviceToHost, stream));
        step.wanted.push_back({i, rows[i].hidden_values});
    }
}

void HiddenRows::add_to(StepHandle handle, std::span<SampledToken> tokens) const {
    const Outstanding& step = outstanding_[handle % outstanding_.size()];
    const auto* residual = reinterpret_cast<const float*>(step.residual.get());
    std::vector<float> normalised(gain_.size());
    for (const Wanted& wanted : step.wanted) {
        double squares = 0;
        for (std::size_t i = 0; i < gain_.size(); ++i) squares += double{residual[i]} * residual[i];
        const auto scale = static_cast<float>(1.0 / std::sqrt(squares / hidden_ + epsilon_));
        for (std::size_t i = 0; i < gain_.size(); ++i) normalised[i] = residual[i] * scale * gain_[i];
        tokens[wanted.row].hidden = largest_values(normalised, wanted.values);
        residual += gain_.size();
    }
}

}  // namespace gptoss::backend::cuda
