// 64 query rows of a warpgroup in prompt attention with wgmma: their scores against a block of 64 keys, the
// softmax, the outputs so far. With a head of 64 an SM's exponentials take as long as its matrix products, and
// everything else competes with them for issue slots. So:
//
// - What is subtracted from a row's scores need not be its largest score so far, only a number that is not far below
//   it. It is raised when a probability reaches 2^14, to the largest score then; otherwise nobody looks for the
//   largest score and outputs are not rescaled. A row's bits stay a function of its own scores, a block at a time.
// - The denominator is one more column of the outputs: the values are followed by columns of ones, so the tensor
//   cores add up the probabilities as they were rounded, and a row's largest one loses nothing by rounding.
#pragma once

#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

// The descriptor of a block's values (columns 0 to 63 of b) that go on with a tile of ones; both are 64 rows of 128
// bytes, the ones at a higher address. The first stride leads from 64 columns to the next 64.
__device__ __forceinline__ std::uint64_t values_descriptor(std::uint32_t values, std::uint32_t ones) {
    return (matrix_descriptor(values) & ~(0x3FFFULL << 16)) | std::uint64_t{(ones - values) >> 4} << 16;
}

template <model::KvType type>
struct AttentionRowTile {
    static constexpr bool kIsBf16 = type == model::KvType::bf16;
    static constexpr int kRows = 64;
    static constexpr float kLog2e = 1.4426950408889634F;
    static constexpr float kScale = 0.125F * kLog2e;  // 1 / sqrt(64), and exp2 in place of exp
    static constexpr std::uint32_t kTooLarge = kIsBf16 ? 0x4680 : 0x7400;  // the bits of 2^14

    // Probabilities of 64 rows and keys, as the values' product takes them.
    using Probabilities = std::uint32_t[4][4];

    // A lane's share: rows g and g + 8 of its warp's sixteen.
    std::uint32_t queries[4][4];
    float scores[8][4];
    float output[9][4];              // [8]: the denominator, in every column
    float reference[2];              // subtracted from scores, in powers of two
    float shrink[2];                 // what outputs must be multiplied with after soften() said so
    int positions[2];                // relative to the first key of block 0
    int unmasked_from, masked_from;  // all 64 rows see the blocks from the one up to the other whole

    __device__ void multiply_keys(std::uint64_t keys) {
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 columns are 32 bytes
            warpgroup_multiply_64<kIsBf16>(scores, queries[k], keys + 2 * k, k > 0);
        warpgroup_commit();
    }
    __device__ void multiply_values(const Probabilities& probabilities, std::uint64_t values) {
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 keys are 2048 bytes
            warpgroup_multiply_72<kIsBf16>(output, probabilities[k], values + 128 * k);
        warpgroup_commit();
    }

    // Scores of block `block` become probabilities. True when outputs and denominators must be rescaled before these
    // probabilities are added; outputs may be on their way meanwhile.
    __device__ __forceinline__ bool soften(Probabilities& probabilities, int block, int window) {
        fence_accumulators(scores);
        if (block >= masked_from) mask_after(block);
        if (block < unmasked_from) mask_before(block, window);
        exponentials(probabilities);
        const bool rises = __any_sync(kAllLanes, is_too_large(__vmaxu2(largest_pair(probabilities, 0),
                                                                       largest_pair(probabilities, 1))));
        if (rises) {
            raise(probabilities);
            exponentials(probabilities);
        }
        return rises;
    }
    __device__ __forceinline__ void rescale() {
#pragma unroll
        for (int n = 0; n < 9; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) output[n][i] *= shrink[i / 2];
    }

    // After the wait for multiply_values(): until here the product may read these registers, which the compiler does not
    // know.
    __device__ static void keep(const Probabilities& probabilities) {
#pragma unroll
        for (int k = 0; k < 4; ++k)
            asm volatile("" ::"r"(probabilities[k][0]), "r"(probabilities[k][1]), "r"(probabilities[k][2]),
                         "r"(probabilities[k][3])
                         : "memory");
    }

    __device__ float denominator(int half) const {
        return output[8][2 * half];
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
                probabilities[n / 2][n % 2 * 2 + half] = pack_probabilities<type>(
                    power_of_two(fmaf(scores[n][2 * half], kScale, -reference[half])),
                    power_of_two(fmaf(scores[n][2 * half + 1], kScale, -reference[half])));
    }

    // The largest of a row's even columns and of its odd ones: numbers that are not negative are ordered as their bits.
    __device__ static std::uint32_t largest_pair(const Probabilities& probabilities, int half) {
        std::uint32_t pair = 0;
#pragma unroll
        for (int k = 0; k < 4; ++k)
            pair = __vmaxu2(pair, __vmaxu2(probabilities[k][half], probabilities[k][2 + half]));
        return pair;
    }
    // Whether one of two is 2^14 or more, infinite, or no number.
    __device__ static bool is_too_large(std::uint32_t pair) {
        constexpr std::uint32_t kToTopBit = 0x8000 - kTooLarge;
        return ((pair + (kToTopBit << 16 | kToTopBit)) & 0x80008000U) != 0;
    }

    // Rows that have such a probability take their largest score as the reference.
    __device__ void raise(const Probabilities& probabilities) {
        const unsigned row_lanes = 0xFU << (threadIdx.x % 32 / 4 * 4);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const bool rises =
                (__ballot_sync(kAllLanes, is_too_large(largest_pair(probabilities, half))) & row_lanes) != 0;
            float top = -INFINITY;
#pragma unroll
            for (int n = 0; n < 8; ++n) top = fmaxf(top, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
            const float now = rises ? fmaxf(reference[half], top * kScale) : reference[half];
            shrink[half] = power_of_two(reference[half] - now);
            reference[half] = now;
        }
    }
};

}  // namespace gptoss::backend::cuda
