// The kernels that a GPU has for a model, asked before the model is there.
#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend {
namespace {

cuda::PlanOptions plan_options_of(const model::Weights& weights) {
    cuda::PlanOptions options;
    options.shape = weights.hyperparameters;
    options.experts_are_mxfp4 = std::ranges::all_of(weights.layers, [](const model::LayerWeights& layer) {
        return layer.gate.tensor->type == gguf::TensorType::MXFP4 &&
               layer.down.tensor->type == gguf::TensorType::MXFP4;
    });
    options.dense_is_q8_0 = std::ranges::all_of(weights.layers, [](const model::LayerWeights& layer) {
        return layer.query.tensor->type == gguf::TensorType::Q8_0 &&
               layer.attention_output.tensor->type == gguf::TensorType::Q8_0;
    });
    return options;
}

}  // namespace

std::vector<std::string> cuda_kernel_names(const model::Weights& weights, std::int32_t gpu_ordinal) {
    return cuda::kernel_names(cuda::Device(gpu_ordinal).traits(), plan_options_of(weights));
}

StepText cuda_step_text(const model::Weights& weights, std::int32_t gpu_ordinal) {
    return [traits = cuda::Device(gpu_ordinal).traits(), options = plan_options_of(weights)](
               const KernelChoice& kernels, std::int32_t sequences, std::int32_t tokens,
               std::int32_t depth) mutable {
        options.kernels = kernels;
        return cuda::line_of_step(sequences, tokens, depth, traits, options);
    };
}

}  // namespace gptoss::backend
