// What `plan --gpu` says without CUDA, held against what the backend counts. Needs no GPU.
#include <gtest/gtest.h>

#include "backend/cuda/cuda_backend.h"
#include "backend/gpu_cards.h"

namespace gptoss::backend {
namespace {

TEST(CudaNeeds, AreWhatIsSaidOfCardsThatAreNotHere) {
    for (const model::Hyperparameters& shape : {model::gpt_oss_120b(), model::gpt_oss_20b()}) {
        for (const std::int32_t sequences : {1, 64, 512}) {
            for (const std::int32_t batch_tokens : {64, 2048, 8192}) {
                for (const std::int32_t gpu_layers : {99, 10}) {
                    model::PlanRequest request;
                    request.max_sequences = sequences;
                    request.max_batch_tokens = batch_tokens;
                    request.gpu_layers = gpu_layers;
                    const DeviceNeeds said = needs_of_card("h100", shape, request, 0);
                    const std::int64_t counted =
                        cuda_workspace_bytes(shape, request) + cuda_weight_bytes(shape, request);
                    EXPECT_GE(said.workspace_bytes + said.weight_bytes, counted);
                    EXPECT_LE(said.workspace_bytes + said.weight_bytes, counted + counted / 100);
                }
            }
        }
    }
}

}  // namespace
}  // namespace gptoss::backend
