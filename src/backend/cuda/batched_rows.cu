#include "backend/cuda/batched_routing_parts.cuh"
#include "backend/cuda/batched_rows.h"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/common/rotation.cuh"
#include "backend/cuda/packed_weight_elements.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void embedding_kernel(const RowInput* inputs, DeviceMatrix embedding,
                                 const std::int32_t* last_tokens, RopeFrequencies frequencies, KvPool full,
                                 KvPool sliding, BlockTables tables, BatchedRows rows, float* residual) {
    const int row = blockIdx.x;
    const RowInput input = inputs[row];
    const int token = input.token >= 0 ? input.token : last_tokens[input.slot];
    // No columns when the first layers are computed elsewhere.
    for (int i = threadIdx.x; i < embedding.columns; i += blockDim.x)
        residual[std::int64_t{row} * embedding.columns + i] = packed_weight_element(embedding, token, i);
    if (threadIdx.x < kHeadSize / 2)
        reinterpret_cast<float2*>(rows.rotation)[std::int64_t{row} * (kHeadSize / 2) + threadIdx.x] =
            rotation_of(input.position, static_cast<int>(threadIdx.x), frequencies);
    if (threadIdx.x == 0) {
        const std::int64_t entry =
            std::int64_t{input.slot} * tables.table_stride + input.position / model::kBlockTokens;
        const int inside = input.position % model::kBlockTokens * kHeadSize;
        rows.full_cache_rows[row] = tables.full[entry] * full.block_elements() + inside;
        rows.sliding_cache_rows[row] = tables.sliding[entry] * sliding.block_elements() + inside;
    }
}

constexpr int kQuads = 4;  // of a thread: 4096 columns in all

// Everything is asked for before the first use: one row waits for memory once, not once a quad.
__global__ void __launch_bounds__(kThreads) norm_kernel(const RowNorm n) {
    const auto column_of = [](int q) { return (q * kThreads + static_cast<int>(threadIdx.x)) * 4; };
    float4 gains[kQuads], values[kQuads];
    uint2 outputs[kQuads][kExpertsPerToken];
#pragma unroll
    for (int q = 0; q < kQuads; ++q)
        if (column_of(q) < n.hidden) gains[q] = *reinterpret_cast<const float4*>(n.gain + column_of(q));
    griddep_launch_dependents();
    griddep_wait();
    const std::int64_t row = blockIdx.x;
    const std::int64_t source = n.sources == nullptr ? row : n.sources[row];
    float* residual = n.residual + source * n.hidden;
    const bool adds = n.expert_outputs != nullptr;
#pragma unroll
    for (int q = 0; q < kQuads; ++q) {
        if (column_of(q) >= n.hidden) continue;
        values[q] = *reinterpret_cast<const float4*>(residual + column_of(q));
#pragma unroll
        for (int k = 0; k < kExpertsPerToken; ++k)
            if (adds)
                outputs[q][k] = *reinterpret_cast<const uint2*>(
                    n.expert_outputs + (source * kExpertsPerToken + k) * n.hidden + column_of(q));
    }
    float squares = 0;
#pragma unroll
    for (int q = 0; q < kQuads; ++q) {
        if (column_of(q) >= n.hidden) continue;
        if (adds) {
            float sums[4] = {};
#pragma unroll
            for (int k = 0; k < kExpertsPerToken; ++k) {
                const float2 low = __half22float2(as_half2(outputs[q][k].x)),
                             high = __half22float2(as_half2(outputs[q][k].y));
                sums[0] += low.x, sums[1] += low.y, sums[2] += high.x, sums[3] += high.y;
            }
            constexpr float kUnit = 1.0F / kExpertOutputScale;
            values[q].x += sums[0] * kUnit, values[q].y += sums[1] * kUnit;
            values[q].z += sums[2] * kUnit, values[q].w += sums[3] * kUnit;
            *reinterpret_cast<float4*>(residual + column_of(q)) = values[q];
        }
        squares += squares_of(values[q]);
    }

    __shared__ float of_warps[kThreads / 32];
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(kAllLanes, squares, step);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = squares;
    __syncthreads();
    float total = 0;
    for (int w = 0; w < kThreads / 32; ++w) total += of_warps[w];
    const float factor = rms_factor(total, n.hidden, n.epsilon);
#pragma unroll
    for (int q = 0; q < kQuads; ++q) {
        if (column_of(q) >= n.hidden) continue;
        const float4 y = normalised(values[q], factor, gains[q]);
        store_quad(n.normalised + row * n.hidden, column_of(q), n.order, {y.x, y.y, y.z, y.w});
    }
}

}  // namespace

void prepare_batched_rows() {
    prefer_shared_memory(norm_kernel);
}

void launch_batched_embedding(const RowInput* inputs, std::int32_t row_count, const DeviceMatrix& embedding,
                              const std::int32_t* last_tokens, const RopeFrequencies& frequencies,
                              const KvPool& full, const KvPool& sliding, const BlockTables& tables,
                              const BatchedRows& rows, float* residual, cudaStream_t stream) {
    if (row_count == 0) return;
    embedding_kernel<<<row_count, kThreads, 0, stream>>>(inputs, embedding, last_tokens, frequencies, full,
                                                         sliding, tables, rows, residual);
    cuda_check(cudaGetLastError());
}

void launch_row_norm(const RowNorm& norm, cudaStream_t stream) {
    check(norm.hidden % 64 == 0 && norm.hidden <= kQuads * 4 * kThreads,
          "hidden is a multiple of 64, at most 4096");
    if (norm.row_count == 0) return;
    launch_pdl(norm_kernel, dim3(static_cast<unsigned>(norm.row_count)), kThreads, 0, stream, norm);
}

}  // namespace gptoss::backend::cuda
