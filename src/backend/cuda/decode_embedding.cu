// Before the first layer: which token each row is, its embedding, the cosines and sines of its position, and
// cleared sums for the whole step. When the first layers are computed elsewhere, their rows take the place of
// the embedding.
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/common/rotation.cuh"
#include "backend/cuda/packed_weight_elements.cuh"
#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kClearingBlocks = 4;  // a row's; block 0 of a row does the rest

template <bool kRowsAreThere>
__global__ void embedding_kernel(const DecodeContext context, const __grid_constant__ StepInputs inputs,
                                 const DeviceMatrix embedding, const std::int32_t first_layer,
                                 const std::int32_t* last_tokens, const RopeFrequencies frequencies,
                                 std::int32_t* tokens, std::int32_t* positions, std::int32_t* slots,
                                 float* rotation) {
    const int row = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
    const StepSums& sums = context.buffers.sums;
    if (blockIdx.y > 0) {
        for (int layer = static_cast<int>(blockIdx.y) - 1; layer <= sums.layers; layer += kClearingBlocks)
            for (int i = thread; i < sums.stride(); i += kThreads)
                if (layer != first_layer || i != sums.experts) sums.router(layer, row)[i] = 0;
        return;
    }
    const RowInput input = inputs.row[row];
    const std::int32_t token = input.token >= 0 ? input.token : last_tokens[input.slot];
    if (thread == 0) {
        context.inputs[row] = input;
        tokens[row] = token;
        positions[row] = input.position;
        slots[row] = input.slot;
    }
    if (thread < kHeadSize / 2)
        reinterpret_cast<float2*>(rotation)[row * (kHeadSize / 2) + thread] =
            rotation_of(input.position, thread, frequencies);
    float square = 0;
    for (int i = thread; i < context.hidden; i += kThreads) {
        float& place = context.buffers.residual[std::int64_t{row} * context.hidden + i];
        if constexpr (!kRowsAreThere) place = packed_weight_element(embedding, token, i);
        square += place * place;
    }
    __shared__ float squares[kThreads / 32];
    square = warp_sum(square);
    if (thread % 32 == 0) squares[thread / 32] = square;
    __syncthreads();
    if (thread == 0) {
        square = 0;
        for (float part : squares) square += part;
        *sums.square_before_attention(first_layer, row) = to_fixed_point(square, kSquareFractionBits);
    }
}

}  // namespace

void launch_embedding(const DecodeContext& context, const StepInputs& inputs, const DeviceMatrix& embedding,
                      std::int32_t first_layer, const std::int32_t* last_tokens,
                      const RopeFrequencies& frequencies, std::int32_t* tokens, std::int32_t* positions,
                      std::int32_t* slots, float* rotation, cudaStream_t stream) {
    const dim3 grid(static_cast<unsigned>(context.rows), 1 + kClearingBlocks);
    const auto kernel = embedding.values == nullptr ? embedding_kernel<true> : embedding_kernel<false>;
    kernel<<<grid, kThreads, 0, stream>>>(context, inputs, embedding, first_layer, last_tokens, frequencies,
                                          tokens, positions, slots, rotation);
    cuda_check(cudaGetLastError());
}

}  // namespace gptoss::backend::cuda
