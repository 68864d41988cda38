// The CUDA backend: the whole model on one GPU, or its last layers. Several backends can live in one process, on one
// GPU or on several; each keeps to the GPU that its plan names (PlanRequest::gpu_ordinal). Built only with GPTOSS_CUDA; includes no
// CUDA header, so that any room may include it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/needs.h"
#include "model/hyperparameters.h"
#include "model/plan.h"
#include "model/weights.h"

namespace gptoss::backend {

// Claims weights, KV pools and workspace on the plan's GPU and loads the weights; returns when they are there.
// Throws Error(device_failed) without a usable GPU, Error(does_not_fit), Error(file_unsupported) for a shape
// the kernels do not take. With `options.layers` the last ones and the head alone, without the embedding.
std::unique_ptr<Backend> make_cuda_backend(const model::Weights& weights, const BackendOptions& options,
                                           const LoadProgress& progress = {});

// The same with random weights of the published types, made on the device: no file is read.
std::unique_ptr<Backend> make_synthetic_cuda_backend(const model::Hyperparameters& shape,
                                                     const BackendOptions& options, std::uint64_t seed);

// Device memory a step needs besides weights and KV cache: activations, logits, sampling, block tables.
std::int64_t cuda_workspace_bytes(const model::Hyperparameters& shape, const model::PlanRequest& request);

// Device memory of the weights as the backend lays them out, of the layers that the request places on the
// GPU; the first for a file, the second for ggml-org's types.
std::int64_t cuda_weight_bytes(const model::Weights& weights, const model::PlanRequest& request);
std::int64_t cuda_weight_bytes(const model::Hyperparameters& shape, const model::PlanRequest& request);

// For the memory plan; with ggml-org's types, or with the file's own. Throws Error(device_failed) without a
// usable GPU.
DeviceNeeds cuda_needs(const model::Hyperparameters& shape, const model::PlanRequest& request);
DeviceNeeds cuda_needs(const model::Weights& weights, const model::PlanRequest& request);

// The kernels that a GPU has for these weights, by name (kernel_choice.h): what `qualify` tries. Throws
// Error(device_failed) without a usable GPU.
std::vector<std::string> cuda_kernel_names(const model::Weights& weights, std::int32_t gpu_ordinal);

// What a GPU would run for these weights. Throws as above.
StepText cuda_step_text(const model::Weights& weights, std::int32_t gpu_ordinal);

// True when this GPU and a driver this build can use are there; `reason` says why not. The calling thread's current
// device stays as it is.
bool cuda_available(std::string* reason = nullptr, std::int32_t gpu_ordinal = 0);

// Bytes per second of a GPU's memory, reading only: the roof `bench` compares with. Takes some milliseconds
// and a gigabyte or two of free device memory.
double measure_read_bandwidth(std::int32_t gpu_ordinal);

}  // namespace gptoss::backend
