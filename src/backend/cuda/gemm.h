// Matrix products of the weights with many rows of activations: the dense ones (QKV, output, lm_head) and the
// grouped ones over experts. Tensor cores, weights dequantised in registers, float16 operands, float32 accumulators.
//
// Why float16 and not bfloat16: it has three more bits of mantissa at the same speed, and every operand is
// bounded. Inputs of a product are RMS-normalised rows (at most sqrt(hidden) times the norm's gain), SwiGLU
// outputs (at most 56) or averages of cached values; conversion saturates. MXFP4 values with scales from
// 2^-28 to 2^1 are exact in float16 (smaller ones become zero, larger ones infinity); int8 times a float16
// scale is rounded to 11 bits; bfloat16 weights keep all bits above 2^-17.
//
// Activations are [row][columns] float16 in an order of columns that suits the weights (ActivationOrder).
// Columns must be a multiple of 64. All launches are asynchronous on `stream`.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/device_state.h"
#include "backend/cuda/plan/execution_plan.h"
#include "backend/cuda/weights.h"
#include "backend/sampling.h"

namespace gptoss::backend::cuda {

// A lane of a matrix instruction wants four values of every sixteen columns. So that it finds its weights in
// one word, the columns of a block of 32 are renumbered; the activations must be stored in the same order.
//   sequential: lane c of four owns columns 8c .. 8c + 7 of the block (int8, float16 and bfloat16 weights)
//   nibbles:    lane c owns bytes 4c .. 4c + 3 of an MXFP4 block: columns 4c .. 4c + 3 and 16 + 4c .. + 3
enum class ActivationOrder : std::uint8_t { sequential, nibbles };

constexpr ActivationOrder activation_order(WeightFormat weights) {
    return weights == WeightFormat::mxfp4 ? ActivationOrder::nibbles : ActivationOrder::sequential;
}

// Where column `column` of a row is stored in that row. Keeps blocks of 32 in place.
GPTOSS_HOST_DEVICE constexpr std::int32_t stored_column(ActivationOrder order, std::int32_t column) {
    const std::int32_t block = column & ~31;
    const std::int32_t inside = column & 31;
    // Position 16t + 2c + i and 16t + 8 + 2c + i, i = 0, 1, are the four values of lane c in step t.
    if (order == ActivationOrder::nibbles) {
        const std::int32_t step = inside / 16, lane = inside % 16 / 4, value = inside % 4;
        return block + 16 * step + 2 * lane + (value % 2 == 0 ? value / 2 : 8 + value / 2);
    }
    const std::int32_t lane = inside / 8, step = inside % 8 / 4, value = inside % 4;
    return block + 16 * step + 2 * lane + (value < 2 ? value : 6 + value);
}

// The rows of one expert among the sorted rows, and how they are cut into tiles.
struct TokenGroup {
    std::int32_t expert = 0;
    std::int32_t first_row = 0;   // in sorted order
    std::int32_t row_count = 0;   // > 0
    std::int32_t tile_rows = 0;   // rows of a tile: at most 8 or 16 for streamed kernels, or a multiple of 16
                                  // up to kMaxTileTokens for the others
    std::int32_t tile_count = 0;  // ceil(row_count / tile_rows)
    std::int32_t first_tile = 0;  // sum of the tile counts before
};

// Written by the routing kernels, read by the grouped products: no host in between.
struct GroupList {
    std::int32_t group_count = 0;
    std::int32_t tile_count = 0;
    TokenGroup groups[kMaxExperts];
};

// What to do with a sum before it is stored. Neighbouring rows come together (weights.h orders them so).
enum class Epilogue : std::uint8_t {
    swiglu,           // (gate, up) + bias, clamped SwiGLU -> float16 activations of the down product
    expert_output,    // + bias, times the routing weight -> float16 / kExpertOutputScale, one row a pair
    query_key_value,  // + bias, rotation -> queries, K and V into the cache
    residual,         // + bias, added to the float32 residual in place
    logits,           // float32
};

// Expert outputs may be large where single channels of the residual are; a sixteenth of them stays far from
// float16's limit, and what is lost below (2^-21) is nothing beside the residual.
inline constexpr float kExpertOutputScale = 1.0F / 16.0F;

struct EpilogueTargets {
    Epilogue kind = Epilogue::logits;
    const float* bias = nullptr;  // [expert][rows of an expert]; null for logits

    // swiglu
    __half* activations = nullptr;  // [sorted row][rows / 2] in `order`
    ActivationOrder order = ActivationOrder::sequential;

    // expert_output
    __half* expert_outputs = nullptr;        // [pair][rows]
    const std::int32_t* pairs = nullptr;     // sorted row -> pair (token row * experts per token + choice)
    const float* routing_weights = nullptr;  // [pair]

    // query_key_value
    // [row][query_rows], rotated pairs adjacent; bfloat16 beside a bfloat16 cache, float16 beside the others
    std::uint16_t* queries = nullptr;
    std::int32_t query_rows = 0;  // rows of the matrix that are queries; then kv_rows keys, values
    std::int32_t kv_rows = 0;
    const float* rotation = nullptr;           // [row][head_size / 2][cos, sin]
    const std::int64_t* cache_rows = nullptr;  // [row]: element offset of the row's key of head 0 in `cache`
    void* cache = nullptr;                     // this layer's part of the pool
    model::KvType cache_type = model::KvType::bf16;

    // residual, logits
    float* output = nullptr;  // [row][output_stride]
    std::int64_t output_stride = 0;
    std::int32_t output_columns = 0;  // logits: rows of the matrix from here on are padding
};

struct GemmProblem {
    DeviceMatrix weights;  // `rows` of one expert times the number of experts
    std::int32_t experts = 1;
    const __half* activations = nullptr;        // [source row][columns]
    const std::int32_t* source_rows = nullptr;  // sorted row -> source row; null: the same row
    std::int32_t source_divisor = 1;            // source row = source_rows[sorted row] / source_divisor
    const GroupList* groups = nullptr;          // device memory; null: one group of `row_count` rows
    std::int32_t row_count = 0;                 // dense: exact; grouped: an upper bound
    // `groups` was written before the kernel before this one began its work: what weights are wanted is known,
    // and they are asked for, before that kernel is over.
    bool groups_are_settled = false;
    // wgmma_unpacked writes the weights here first: room for unpacked_count(), aligned to 128 bytes.
    __half* unpacked = nullptr;
    EpilogueTargets epilogue;
};

// Computes the product with the kernel that the plan names, on up to `sm_count` SMs. `groups` are cut into tiles of at
// most plan.tile_tokens. Throws Error(device_failed) when the launch fails; check()s the
// shape: columns in whole 64s, rows of an expert in whole 8s.
void launch_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                 cudaStream_t stream);

// Allows the kernels their shared memory on the current device; once for each device. Throws
// Error(device_failed).
void prepare_gemm();

// Tokens of a tile that the kernels have code for: the fewest that hold `rows` (at most kMaxTileTokens).
GPTOSS_HOST_DEVICE constexpr std::int32_t tile_rows_for(std::int32_t rows) {
    return (rows + 15) / 16 * 16;
}

}  // namespace gptoss::backend::cuda
