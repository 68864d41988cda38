// The experts of all rows of a step: each chosen one once, with the rows that chose it.
#pragma once

#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {

// An expert that more than kRowsOfEntry rows chose stands there twice: its weights are then read twice.
struct ActiveExperts {
    static constexpr int kMost = kMaxDecodeRows * kExpertsPerToken;
    static constexpr int kRowsOfEntry = 4;
    static_assert(kMost == 32, "a lane for every pair of a row and one of its experts");
    static_assert(kMaxDecodeRows <= 2 * kRowsOfEntry);

    int count;
    int expert[kMost];
    unsigned rows[kMost];                            // a bit for each row that chose it
    std::uint8_t row[kMost][kRowsOfEntry];           // those rows
    std::uint8_t rank[kMost][kMaxDecodeRows];        // the expert's rank among that row's four
    int index[kMaxDecodeRows][kExpertsPerToken];     // of a row's experts among the active ones
    int chosen[kMaxDecodeRows][kExpertsPerToken];    // their numbers
    float weight[kMaxDecodeRows][kExpertsPerToken];  // their shares

    __device__ bool has_row(int active, int of) const { return (rows[active] >> of & 1U) != 0; }
    // One of the rows 4 group .. 4 group + 3 chose it.
    __device__ bool has_group(int active, int group) const {
        return (rows[active] >> (4 * group) & 15U) != 0;
    }
};

// The first context.rows warps: each chooses for one row. `meanwhile()` is done while the row's sums are on their way.
template <typename Meanwhile>
__device__ void choose_for_row_of_warp(ActiveExperts& active, const DecodeContext& context, int layer,
                                       const RouterBiases& biases, Meanwhile meanwhile) {
    const int row = static_cast<int>(threadIdx.x) / 32;
    if (row >= context.rows) return meanwhile();
    const StepSums& sums = context.buffers.sums;
    const RouterSums own =
        load_router_sums(sums.router(layer, row), sums.square_before_experts(layer, row), context.experts);
    meanwhile();
    choose_experts_of_row(own, biases.values, context, active.chosen[row], active.weight[row]);
}

// One warp, behind a barrier after all rows have chosen. Ends with the warp's own barrier.
__device__ inline void gather_active_experts(ActiveExperts& active, int rows) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int row = lane / kExpertsPerToken, rank = lane % kExpertsPerToken;
    const bool used = row < rows;
    const int expert = used ? active.chosen[row][rank] : -1 - lane;
    const unsigned same = __match_any_sync(kAllLanes, expert), below = (1U << lane) - 1U;
    // The first four lanes that agree are of one entry, the rest of another.
    unsigned rest = same;
#pragma unroll
    for (int i = 0; i < ActiveExperts::kRowsOfEntry; ++i) rest &= rest - 1U;
    const unsigned entry = (rest >> lane & 1U) != 0 ? rest : same ^ rest;
    const int leader = __ffs(static_cast<int>(entry)) - 1;
    const unsigned leaders = __ballot_sync(kAllLanes, used && leader == lane);
    const int index = __popc(leaders & ((1U << leader) - 1U));
    if (lane == 0) active.count = __popc(leaders);
    if (used) {
        active.index[row][rank] = index;
        active.rank[index][row] = static_cast<std::uint8_t>(rank);
        active.row[index][__popc(entry & below)] = static_cast<std::uint8_t>(row);
        if (leader == lane) {
            unsigned rows_of_entry = 0;
#pragma unroll
            for (int i = 0; i < kMaxDecodeRows; ++i)
                if ((entry >> (i * kExpertsPerToken) & 15U) != 0) rows_of_entry |= 1U << i;
            active.expert[index] = expert;
            active.rows[index] = rows_of_entry;
        }
    }
    __syncwarp();
}

}  // namespace gptoss::backend::cuda
