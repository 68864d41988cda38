// Parts several decode stages share: filling shared memory with activation rows and biases, and choosing
// experts.
#pragma once

#include "backend/cuda/decode_stages.h"
#include "backend/cuda/k_tile_stream.cuh"
#include "backend/cuda/ops/common/rms_norm.cuh"
#include "backend/cuda/ops/common/routing_weights.cuh"
#include "backend/cuda/ops/common/top_k_routing.cuh"

namespace gptoss::backend::cuda {

__device__ inline float factor_of_squares(long long squares, int hidden, float epsilon) {
    return rms_factor(from_fixed_point(squares, kSquareFractionBits), hidden, epsilon);
}

__device__ inline void prefetch_to_l2(const void* pointer) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(pointer));
}
// Asks for an array that is read after the wait, so that the reads find it in the L2 cache.
__device__ inline void prefetch_floats(const float* values, int count) {
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * 32; i < count; i += static_cast<int>(blockDim.x) * 32)
        prefetch_to_l2(values + i);
}

// Residual rows as the next stages read them: where row 0 is, and where its sum of squares.
struct ResidualRows {
    const float* values;
    const long long* squares;
    std::int64_t square_stride;
    int count;
    int hidden;
    float epsilon;
};

__device__ inline ResidualRows residual_rows(const DecodeContext& context, int first_row, int count,
                                             const long long* first_square) {
    return {context.buffers.residual + std::int64_t{first_row} * context.hidden,
            first_square,
            context.buffers.sums.stride(),
            count,
            context.hidden,
            context.epsilon};
}

// Residual rows, normalised, as activations for weights of kType; zeros up to a whole K-tile. The work of
// the whole block. All loads of a round before the first use: each is a trip to the L2 cache, and nothing
// else can be done meanwhile.
template <WeightFormat kType>
__device__ void store_normalised_rows(std::byte* memory, int stride_bytes, const ResidualRows& rows,
                                      const float* gains) {
    constexpr int kAtOnce = 2;
    const int quads = k_tiles_a_tile(kType, rows.hidden) * k_tile_columns(kType) / 4;
#pragma unroll 1
    for (int first = static_cast<int>(threadIdx.x); first < rows.count * quads;
         first += kAtOnce * kStreamThreads) {
        float4 value[kAtOnce], gain[kAtOnce];
        long long square[kAtOnce];
        int row[kAtOnce], column[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            const int item = first + i * kStreamThreads;
            row[i] = quotient(item, quads);
            column[i] = (item - row[i] * quads) * 4;
            value[i] = gain[i] = {};
            square[i] = 0;
            if (row[i] < rows.count && column[i] < rows.hidden) {
                value[i] =
                    __ldcg(reinterpret_cast<const float4*>(rows.values + row[i] * rows.hidden + column[i]));
                gain[i] = __ldg(reinterpret_cast<const float4*>(gains + column[i]));
                square[i] = __ldcg(rows.squares + row[i] * rows.square_stride);
            }
        }
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            if (row[i] >= rows.count) break;
            const float factor = factor_of_squares(square[i], rows.hidden, rows.epsilon);
            store_four_activations<kType>(reinterpret_cast<std::uint16_t*>(memory + row[i] * stride_bytes),
                                          column[i], normalised(value[i], factor, gain[i]));
        }
    }
}

// The lane's biases of the router, which choosing experts wants: router_bias[lane + 32 i].
struct RouterBiases {
    float values[kRoutingKeys];
};
__device__ inline RouterBiases load_router_biases(const float* from, int experts) {
    RouterBiases biases;
#pragma unroll
    for (int i = 0; i < kRoutingKeys; ++i) {
        const int expert = static_cast<int>(threadIdx.x) % 32 + i * 32;
        biases.values[i] = expert < experts ? __ldg(from + expert) : 0.0F;
    }
    return biases;
}

// Rows that are stored as activations already, one behind the other.
template <WeightFormat kType>
__device__ void store_activation_rows(std::byte* memory, int stride_bytes, const std::uint16_t* activations,
                                      int columns, int count) {
    constexpr int kAtOnce = 3;
    const int pieces = k_tiles_a_tile(kType, columns) * k_tile_columns(kType) / 8;
    const int stored = stored_activations(columns);
#pragma unroll 1
    for (int first = static_cast<int>(threadIdx.x); first < count * pieces;
         first += kAtOnce * kStreamThreads) {
        uint4 values[kAtOnce];
        int place[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            const int item = first + i * kStreamThreads, row = quotient(item, pieces);
            const int column = (item - row * pieces) * 8;
            place[i] = row < count ? row * stride_bytes + column * 2 : -1;
            values[i] = {};
            if (row < count && column < stored)
                values[i] = __ldcg(reinterpret_cast<const uint4*>(activations + row * stored + column));
        }
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (place[i] >= 0) *reinterpret_cast<uint4*>(memory + place[i]) = values[i];
    }
}

// The biases of a block's tiles to shared memory, [tile][8], as part of the caller's next copy group.
// `bias_of(tile)` is the address of 8 floats.
template <typename BiasOf>
__device__ void copy_biases(float* to, int tiles, BiasOf bias_of) {
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < tiles * 2; i += static_cast<int>(blockDim.x))
        copy_16_bytes_async(shared_address(to + i * 4), bias_of(i / 2) + i % 2 * 4, true);
}

// The experts of up to kGroupRows rows, in shared memory.
struct TopKRouting {
    static constexpr int kGroupRows = 4;
    static constexpr int kMaxActive = kGroupRows * kExpertsPerToken;

    int active;                        // experts chosen by at least one row
    int expert[kMaxActive];            // their numbers
    int columns[kMaxActive];           // how many rows chose each
    int row[kMaxActive][kGroupRows];   // which; unused columns repeat row 0
    int rank[kMaxActive][kGroupRows];  // the expert's rank among that row's four

    int chosen[kGroupRows][kExpertsPerToken];    // by row and rank: the expert
    float weight[kGroupRows][kExpertsPerToken];  // its share
    int index[kGroupRows][kExpertsPerToken];     // its index among the active ones
    int column[kGroupRows][kExpertsPerToken];    // the row's column there

    int of_warp[kStreamWarps][kExpertsPerToken];  // choose_experts_alone(): what each warp found, by rank
};

// A row's logits before their common factor, the lane's, and its sum of squares.
struct RouterSums {
    long long logits[kRoutingKeys], square;
};
__device__ inline RouterSums load_router_sums(const long long* router_sums, const long long* square,
                                              int experts) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    RouterSums sums;
    sums.square = __ldcg(square);
#pragma unroll
    for (int i = 0; i < kRoutingKeys; ++i)
        sums.logits[i] = i * 32 + lane < experts ? __ldcg(router_sums + i * 32 + lane) : 0;
    return sums;
}

// The four largest of a row's logits (the lowest id on ties) and the softmax over them. One warp.
__device__ inline void choose_experts_of_row(const RouterSums& sums, const float (&biases)[4],
                                             const DecodeContext& context, int* chosen, float* weights) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const float factor = factor_of_squares(sums.square, context.hidden, context.epsilon);
    std::uint32_t keys[kRoutingKeys];
#pragma unroll
    for (int i = 0; i < kRoutingKeys; ++i)
        keys[i] = i * 32 + lane < context.experts
                      ? routing_key(from_fixed_point(sums.logits[i], kLogitFractionBits) * factor + biases[i])
                      : 0;
    float scores[kExpertsPerToken], weights_of_rank[kExpertsPerToken];
    find_top_experts(keys, chosen, scores);
    find_routing_weights(scores, weights_of_rank);
    if (lane == 0)
#pragma unroll
        for (int rank = 0; rank < kExpertsPerToken; ++rank) weights[rank] = weights_of_rank[rank];
}
__device__ inline void choose_experts_of_row(const long long* router_sums, const long long* square,
                                             const float (&biases)[4], const DecodeContext& context,
                                             int* chosen, float* weights) {
    choose_experts_of_row(load_router_sums(router_sums, square, context.experts), biases, context, chosen,
                          weights);
}

// The experts of a step's only row, found by every warp for itself: with no barrier to wait for, each sends
// its weights on their way at once. Returns the warp's experts by rank; nothing else of `choice` is filled.
__device__ inline const int* choose_experts_alone(TopKRouting& choice, const DecodeContext& context,
                                                  int layer, const float (&biases)[4]) {
    int* own = choice.of_warp[threadIdx.x / 32];
    const StepSums& sums = context.buffers.sums;
    float weights_of_rank[kExpertsPerToken];  // the next stage's business
    choose_experts_of_row(sums.router(layer, 0), sums.square_before_experts(layer, 0), biases, context, own,
                          weights_of_rank);
    __syncwarp();
    return own;
}

// Fills `choice` for rows first .. first + count - 1. All threads; ends with a barrier. `biases` are the
// lane's: router_bias[lane + 32 i], loaded before the wait.
__device__ inline void choose_experts(TopKRouting& choice, const DecodeContext& context, int layer, int first,
                                      int count, const float (&biases)[4]) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const StepSums& sums = context.buffers.sums;
    if (warp < count) {
        const int row = first + warp;
        choose_experts_of_row(sums.router(layer, row), sums.square_before_experts(layer, row), biases,
                              context, choice.chosen[warp], choice.weight[warp]);
    }
    __syncthreads();
    if (warp == 0) {
        // Lane p is pair (row p / 4, rank p % 4). A row's experts differ, so lanes that agree are of
        // different rows, in order; the first of them leads.
        const bool used = lane < count * kExpertsPerToken;
        const int row = lane / kExpertsPerToken % TopKRouting::kGroupRows, rank = lane % kExpertsPerToken;
        const int expert = used ? choice.chosen[row][rank] : -1 - lane;
        const unsigned same = __match_any_sync(kAllLanes, expert);
        const int leader = __ffs(static_cast<int>(same)) - 1;
        const unsigned leaders = __ballot_sync(kAllLanes, used && leader == lane);
        const int index = __popc(leaders & ((1U << leader) - 1U));
        const int column = __popc(same & ((1U << lane) - 1U));
        if (lane == 0) choice.active = __popc(leaders);
        if (used) {
            choice.index[row][rank] = index;
            choice.column[row][rank] = column;
            choice.expert[index] = expert;
            choice.columns[index] = __popc(same);
            choice.row[index][column] = row;
            choice.rank[index][column] = rank;
            if (leader == lane)
                for (int i = __popc(same); i < TopKRouting::kGroupRows; ++i) {
                    choice.row[index][i] = row;
                    choice.rank[index][i] = rank;
                }
        }
    }
    __syncthreads();
}

}  // namespace gptoss::backend::cuda
