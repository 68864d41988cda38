// Parts several decode stages share: filling shared memory with activation rows and biases, and choosing
// experts.
#pragma once

#include "backend/cuda/decode_stages.h"
#include "backend/cuda/slab_stream.cuh"

namespace gptoss::backend::cuda {

__device__ inline float root_mean_square_factor(const long long* square, int hidden, float epsilon) {
    const float sum = from_fixed_point(__ldcg(square), kSquareFractionBits);
    return rsqrtf(sum * __frcp_rn(static_cast<float>(hidden)) + epsilon);
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

// One residual row, normalised, as activations beside a plane of kType; zeros up to a whole slab. The work of
// threads first_thread .. of the block.
template <PlaneType kType>
__device__ void store_normalised_row(std::byte* row_memory, const float* residual, const float* gains,
                                     int hidden, float factor, int first_thread = 0) {
    auto* row = reinterpret_cast<std::uint16_t*>(row_memory);
    const int padded = slabs_a_tile(kType, hidden) * slab_columns(kType);
    const int threads = kStreamThreads - first_thread;
#pragma unroll 1
    for (int i = (static_cast<int>(threadIdx.x) - first_thread) * 4; i < padded; i += threads * 4) {
        float4 value{}, gain{};
        if (i < hidden) {
            value = __ldcg(reinterpret_cast<const float4*>(residual + i));
            gain = __ldg(reinterpret_cast<const float4*>(gains + i));
        }
        value = {value.x * factor * gain.x, value.y * factor * gain.y, value.z * factor * gain.z,
                 value.w * factor * gain.w};
        store_four_activations<kType>(row, i, value);
    }
}

// One row that is stored as activations already.
template <PlaneType kType>
__device__ void store_activation_row(std::byte* row_memory, const std::uint16_t* activations, int columns) {
    const int padded = slabs_a_tile(kType, columns) * slab_columns(kType);
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * 8; i < padded; i += static_cast<int>(blockDim.x) * 8) {
        uint4 values{};
        if (i < stored_activations(columns)) values = __ldcg(reinterpret_cast<const uint4*>(activations + i));
        *reinterpret_cast<uint4*>(row_memory + i * 2) = values;
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
struct ExpertChoice {
    static constexpr int kGroupRows = 4;
    static constexpr int kMaxActive = kGroupRows * kExpertsUsed;

    int active;                        // experts chosen by at least one row
    int expert[kMaxActive];            // their numbers
    int columns[kMaxActive];           // how many rows chose each
    int row[kMaxActive][kGroupRows];   // which; unused columns repeat row 0
    int rank[kMaxActive][kGroupRows];  // the expert's rank among that row's four

    int chosen[kGroupRows][kExpertsUsed];    // by row and rank: the expert
    float weight[kGroupRows][kExpertsUsed];  // its share
    int index[kGroupRows][kExpertsUsed];     // its index among the active ones
    int column[kGroupRows][kExpertsUsed];    // the row's column there
};

// The four largest of a row's logits (the lowest id on ties) and the softmax over them. One warp.
__device__ inline void choose_experts_of_row(const long long* router_sums, const float (&biases)[4],
                                             float factor, int experts, int* chosen, float* weights) {
    constexpr int kPerLane = kMostExperts / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    std::uint32_t keys[kPerLane];
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
        const int expert = i * 32 + lane;
        keys[i] = 0;
        if (expert < experts) {
            const float logit =
                from_fixed_point(__ldcg(router_sums + expert), kLogitFractionBits) * factor + biases[i];
            keys[i] = max(ordered_bits(logit), 1U);  // 0 is below every expert there is
        }
    }
    float scores[kExpertsUsed];
#pragma unroll
    for (int rank = 0; rank < kExpertsUsed; ++rank) {
        std::uint32_t best = 0;
        int best_expert = kMostExperts;
#pragma unroll
        for (int i = 0; i < kPerLane; ++i)
            if (keys[i] > best) best = keys[i], best_expert = i * 32 + lane;
        const std::uint32_t largest = __reduce_max_sync(kAllLanes, best);
        const int winner = __reduce_min_sync(kAllLanes, best == largest ? best_expert : kMostExperts);
#pragma unroll
        for (int i = 0; i < kPerLane; ++i)
            if (i * 32 + lane == winner) keys[i] = 0;
        scores[rank] = from_ordered_bits(largest);
        if (lane == 0) chosen[rank] = winner;
    }
    float shares[kExpertsUsed], sum = 0;
#pragma unroll
    for (int rank = 0; rank < kExpertsUsed; ++rank) sum += shares[rank] = __expf(scores[rank] - scores[0]);
    if (lane == 0)
#pragma unroll
        for (int rank = 0; rank < kExpertsUsed; ++rank) weights[rank] = __fdividef(shares[rank], sum);
}

// Fills `choice` for rows first .. first + count - 1. All threads; ends with a barrier. `biases` are the
// lane's: router_bias[lane + 32 i], loaded before the wait. Warps without a row call `meanwhile`.
template <typename Meanwhile>
__device__ void choose_experts(ExpertChoice& choice, const DecodeContext& context, int layer, int first,
                               int count, const float (&biases)[4], Meanwhile meanwhile) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const StepSums& sums = context.buffers.sums;
    if (warp < count) {
        const int row = first + warp;
        const float factor =
            root_mean_square_factor(sums.square_before_experts(layer, row), context.hidden, context.epsilon);
        choose_experts_of_row(sums.router(layer, row), biases, factor, context.experts, choice.chosen[warp],
                              choice.weight[warp]);
    } else {
        meanwhile();
    }
    __syncthreads();
    if (warp == 0) {
        // Lane p is pair (row p / 4, rank p % 4). A row's experts differ, so lanes that agree are of
        // different rows, in order; the first of them leads.
        const bool used = lane < count * kExpertsUsed;
        const int row = lane / kExpertsUsed % ExpertChoice::kGroupRows, rank = lane % kExpertsUsed;
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
                for (int i = __popc(same); i < ExpertChoice::kGroupRows; ++i) {
                    choice.row[index][i] = row;
                    choice.rank[index][i] = rank;
                }
        }
    }
    __syncthreads();
}

}  // namespace gptoss::backend::cuda
