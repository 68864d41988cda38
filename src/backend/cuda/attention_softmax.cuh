// The softmax of rows that go through their keys block by block. One rule for every kernel whose rows have the same bits
// in a prompt and alone (docs/numerics.md):
//
// - What is subtracted from a row's scores need not be its largest score so far, only a number that is not far below
//   it. It is raised when a probability reaches 2^14, to the largest score then; otherwise nobody looks for the
//   largest score and outputs are not rescaled. A row's bits stay a function of its own scores, a block at a time.
// - The denominator is one more column of the outputs, whose values are ones: the tensor cores add up the probabilities
//   as they were rounded, and a row's largest one loses nothing by rounding.
#pragma once

#include "backend/cuda/attention_prefill_tile.cuh"

namespace gptoss::backend::cuda {

inline constexpr float kLog2e = 1.4426950408889634F;
inline constexpr float kScoreScale = 0.125F * kLog2e;  // 1 / sqrt(64), and exp2 in place of exp

__device__ __forceinline__ float probability_of(float score, float reference) {
    return power_of_two(fmaf(score, kScoreScale, -reference));
}

// Whether one of two probabilities is 2^14 or more, infinite, or no number.
template <model::KvType type>
__device__ __forceinline__ bool is_too_large(std::uint32_t pair) {
    constexpr std::uint32_t kTooLarge = type == model::KvType::bf16 ? 0x4680 : 0x7400;  // the bits of 2^14
    constexpr std::uint32_t kToTopBit = 0x8000 - kTooLarge;
    return ((pair + (kToTopBit << 16 | kToTopBit)) & 0x80008000U) != 0;
}

// A lane's share of sixteen rows, as the matrix instructions leave their scores: rows g and g + 8.
template <model::KvType type>
struct AttentionSoftmax {
    // Probabilities of the rows and 64 keys, as the values' product takes them.
    using Probabilities = std::uint32_t[4][4];

    float scores[8][4];
    float reference[2];              // subtracted from scores, in powers of two
    float shrink[2];                 // what outputs must be multiplied with after soften() said so
    int positions[2];                // as blocks are counted
    int unmasked_from, masked_from;  // the lane's rows see the blocks from the one up to the other whole

    // Scores of block `block` become probabilities. True when outputs and denominators must be rescaled before these
    // probabilities are added; outputs may be on their way meanwhile.
    __device__ __forceinline__ bool soften(Probabilities& probabilities, int block, int window) {
        if (block >= masked_from) mask_after(block);
        if (block < unmasked_from) mask_before(block, window);
        exponentials(probabilities);
        const bool rises = __any_sync(
            kAllLanes,
            is_too_large<type>(__vmaxu2(largest_pair(probabilities, 0), largest_pair(probabilities, 1))));
        if (rises) {
            raise(probabilities);
            exponentials(probabilities);
        }
        return rises;
    }

  private:
    // Keys after a row's own, and before its window.
    __device__ void mask_after(int block) {
        const int c = threadIdx.x % 4;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int last = positions[i / 2] - block * kAttentionKeys - 2 * c - i % 2;
#pragma unroll
            for (int n = 0; n < 8; ++n)
                if (n * 8 > last) scores[n][i] = -INFINITY;
        }
    }
    __device__ void mask_before(int block, int window) {
        const int c = threadIdx.x % 4;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int first = positions[i / 2] - window + 1 - block * kAttentionKeys - 2 * c - i % 2;
#pragma unroll
            for (int n = 0; n < 8; ++n)
                if (n * 8 < first) scores[n][i] = -INFINITY;
        }
    }

    __device__ void exponentials(Probabilities& probabilities) const {
#pragma unroll
        for (int n = 0; n < 8; ++n)
#pragma unroll
            for (int half = 0; half < 2; ++half)
                probabilities[n / 2][n % 2 * 2 + half] =
                    pack_probabilities<type>(probability_of(scores[n][2 * half], reference[half]),
                                             probability_of(scores[n][2 * half + 1], reference[half]));
    }

    // The largest of a row's even columns and of its odd ones: numbers that are not negative are ordered as their bits.
    __device__ static std::uint32_t largest_pair(const Probabilities& probabilities, int half) {
        std::uint32_t pair = 0;
#pragma unroll
        for (int k = 0; k < 4; ++k)
            pair = __vmaxu2(pair, __vmaxu2(probabilities[k][half], probabilities[k][2 + half]));
        return pair;
    }
    // Rows that have such a probability take their largest score as the reference.
    __device__ void raise(const Probabilities& probabilities) {
        const unsigned row_lanes = 0xFU << (threadIdx.x % 32 / 4 * 4);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const bool rises =
                (__ballot_sync(kAllLanes, is_too_large<type>(largest_pair(probabilities, half))) &
                 row_lanes) != 0;
            float top = -INFINITY;
#pragma unroll
            for (int n = 0; n < 8; ++n) top = fmaxf(top, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
            const float now = rises ? fmaxf(reference[half], top * kScoreScale) : reference[half];
            shrink[half] = power_of_two(reference[half] - now);
            reference[half] = now;
        }
    }
};

}  // namespace gptoss::backend::cuda
