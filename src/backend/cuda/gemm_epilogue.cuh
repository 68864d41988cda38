// What happens to the sums of a tile. All matrix kernels end with the same registers: for sixteen weight rows of
// a warp, a lane holds two neighbouring rows of tokens 8j + 2c and 8j + 2c + 1. They are turned in shared memory,
// sixteen tokens at a time, so that a lane has eight neighbouring rows of one token: what it then stores are
// whole 16-byte pieces.
#pragma once

#include "backend/cuda/gemm_tile.cuh"
#include "backend/cuda/kv_elements.cuh"
#include "backend/cuda/ops/common/activation_order.cuh"
#include "backend/cuda/ops/common/swiglu.cuh"

namespace gptoss::backend::cuda {

// Shared memory of one warp for the turn: [token][16 rows], four floats more a token so that neighbouring tokens
// begin in other banks.
inline constexpr int kTurnedTokens = 16, kTurnStride = 16 + 4;
constexpr int turn_bytes(int tokens) {
    return tokens * kTurnStride * 4;
}

__device__ __forceinline__ uint4 to_half8(const float (&v)[8]) {
    return {as_word(to_half2(v[0], v[1])), as_word(to_half2(v[2], v[3])), as_word(to_half2(v[4], v[5])),
            as_word(to_half2(v[6], v[7]))};
}

// Query and key pairs are rotated, then both kinds and values go where they belong. Eight rows are of one head.
__device__ __forceinline__ void store_query_key_value(const EpilogueTargets& targets, int weight_row,
                                                      int token, float (&v)[8]) {
    const int head = weight_row / kHeadSize, inside = weight_row % kHeadSize;
    if (weight_row < targets.query_rows + targets.kv_rows) {
        const auto* turns =
            reinterpret_cast<const float4*>(targets.rotation) + token * (kHeadSize / 4) + inside / 4;
#pragma unroll
        for (int pair = 0; pair < 4; pair += 2) {
            const float4 turn = turns[pair / 2];
            rotate_pair(v[2 * pair], v[2 * pair + 1], {turn.x, turn.y});
            rotate_pair(v[2 * pair + 2], v[2 * pair + 3], {turn.z, turn.w});
        }
    }
    if (weight_row < targets.query_rows) {
        store_kv_eight(reinterpret_cast<std::byte*>(targets.queries),
                       targets.cache_type == model::KvType::bf16 ? model::KvType::bf16 : model::KvType::f16,
                       std::int64_t{token} * targets.query_rows + weight_row, v);
        return;
    }
    // Keys of all heads, then values of all heads: the tiles of a block follow each other in that order.
    const int tile = head - targets.query_rows / kHeadSize;
    store_kv_eight(static_cast<std::byte*>(targets.cache), targets.cache_type,
                   targets.cache_rows[token] + tile * (model::kBlockTokens * kHeadSize) + inside, v);
}

// Where an expert's output for one token goes, and what it is multiplied with.
struct OutputPair {
    int pair = 0;
    float weight = 0;
};

// Eight finished sums of one token, rows weight_row ..; `row`: the token among the sorted rows.
__device__ __forceinline__ void store_eight_rows(const EpilogueTargets& targets, int rows_of_expert,
                                                 int weight_row, int row, const OutputPair& output,
                                                 float (&v)[8]) {
    switch (targets.kind) {
        case Epilogue::swiglu: {
            const float hidden[4] = {swiglu(v[0], v[1]), swiglu(v[2], v[3]), swiglu(v[4], v[5]),
                                     swiglu(v[6], v[7])};
            store_quad(targets.activations + std::int64_t{row} * (rows_of_expert / 2), weight_row / 2,
                       targets.order, hidden);
            break;
        }
        case Epilogue::expert_output: {
            const float weight = output.weight * kExpertOutputScale;
#pragma unroll
            for (float& value : v) value *= weight;
            *reinterpret_cast<uint4*>(targets.expert_outputs + std::int64_t{output.pair} * rows_of_expert +
                                      weight_row) = to_half8(v);
            break;
        }
        case Epilogue::query_key_value:
            store_query_key_value(targets, weight_row, row, v);
            break;
        case Epilogue::residual: {
            auto* out = reinterpret_cast<float4*>(targets.output + row * targets.output_stride + weight_row);
            const float4 low = out[0], high = out[1];
            out[0] = make_float4(low.x + v[0], low.y + v[1], low.z + v[2], low.w + v[3]);
            out[1] = make_float4(high.x + v[4], high.y + v[5], high.z + v[6], high.w + v[7]);
            break;
        }
        case Epilogue::logits: {
            float* out = targets.output + row * targets.output_stride + weight_row;
            if (targets.output_stride % 4 == 0 && weight_row + 8 <= targets.output_columns) {
                reinterpret_cast<float4*>(out)[0] = make_float4(v[0], v[1], v[2], v[3]);
                reinterpret_cast<float4*>(out)[1] = make_float4(v[4], v[5], v[6], v[7]);
            } else {
#pragma unroll
                for (int i = 0; i < 8; ++i)
                    if (weight_row + i < targets.output_columns) out[i] = v[i];
            }
            break;
        }
    }
}

// `tokens` tokens from `first_token` on, at most kTurnedTokens, out of the warp's part of shared memory.
__device__ __forceinline__ void store_turned(const EpilogueTargets& targets, const Tile& tile,
                                             int rows_of_expert, int first_row, int first_token, int tokens,
                                             const float (&bias)[8], const OutputPair& output,
                                             std::uint32_t turn) {
    const int lane = threadIdx.x % 32, token = lane / 2, weight_row = first_row + lane % 2 * 8;
    if (token >= tokens || first_token + token >= tile.row_count || weight_row >= rows_of_expert) return;
    std::uint32_t words[2][4];
    load_shared(words[0], turn + (token * kTurnStride + lane % 2 * 8) * 4);
    load_shared(words[1], turn + (token * kTurnStride + lane % 2 * 8 + 4) * 4);
    float v[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = __uint_as_float(words[i / 4][i % 4]) + bias[i];
    store_eight_rows(targets, rows_of_expert, weight_row, tile.first_row + first_token + token, output, v);
}

// The bias of a lane's eight rows, or zeros.
__device__ __forceinline__ void load_bias(float (&bias)[8], const EpilogueTargets& targets, int expert,
                                          int rows_of_expert, int first_row) {
    const int weight_row = first_row + threadIdx.x % 2 * 8;
    float4 low{}, high{};
    if (targets.bias != nullptr && weight_row < rows_of_expert) {
        const auto* from = reinterpret_cast<const float4*>(
            targets.bias + std::int64_t{expert} * rows_of_expert + weight_row);
        low = __ldg(from), high = __ldg(from + 1);
    }
    bias[0] = low.x, bias[1] = low.y, bias[2] = low.z, bias[3] = low.w;
    bias[4] = high.x, bias[5] = high.y, bias[6] = high.z, bias[7] = high.w;
}

// A warp's sums of weight rows first_row .. first_row + 15, tokens first_token ..: sums[j][0..1] are slot 0's row,
// [2..3] slot 1's. `swapped`: slot 0 is the odd row. `turn`: shared memory of the warp's own, turn_bytes() of
// the tokens or of kTurnedTokens.
template <int groups>
__device__ __forceinline__ void store_sums(const EpilogueTargets& targets, const Tile& tile,
                                           int rows_of_expert, int first_row, bool swapped, int first_token,
                                           const float (&sums)[groups][4], std::uint32_t turn) {
    const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
    // Everything that has to be looked up is asked for at once, not sixteen tokens at a time.
    float bias[8];
    load_bias(bias, targets, tile.expert, rows_of_expert, first_row);
    OutputPair outputs[(groups + 3) / 4];  // token t of the tile's part in lane t % 32
    if (targets.kind == Epilogue::expert_output) {
#pragma unroll
        for (int i = 0; i < (groups + 3) / 4; ++i)
            outputs[i].pair =
                targets.pairs[tile.first_row + min(first_token + 32 * i + static_cast<int>(threadIdx.x % 32),
                                                   tile.row_count - 1)];
#pragma unroll
        for (OutputPair& output : outputs) output.weight = targets.routing_weights[output.pair];
    }
#pragma unroll
    for (int first = 0; first < groups; first += 2) {
        if (first_token + 8 * first >= tile.row_count) break;
        __syncwarp();  // the tokens before have been read
#pragma unroll
        for (int j = first; j < min(first + 2, groups); ++j)
#pragma unroll
            for (int i = 0; i < 2; ++i)
                store_shared_64(turn + (((j - first) * 8 + 2 * c + i) * kTurnStride + 2 * g) * 4,
                                swapped ? sums[j][2 + i] : sums[j][i], swapped ? sums[j][i] : sums[j][2 + i]);
        __syncwarp();
        OutputPair output = outputs[first / 4];
        if (targets.kind == Epilogue::expert_output) {
            const int lane = first % 4 * 8 + static_cast<int>(threadIdx.x % 32 / 2);
            output = {__shfl_sync(kAllLanes, output.pair, lane), __shfl_sync(kAllLanes, output.weight, lane)};
        }
        store_turned(targets, tile, rows_of_expert, first_row, first_token + 8 * first,
                     8 * min(2, groups - first), bias, output, turn);
    }
}

}  // namespace gptoss::backend::cuda
