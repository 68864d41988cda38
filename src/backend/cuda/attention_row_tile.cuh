// 64 query rows of a warpgroup in prompt attention with wgmma: their scores against a block of 64 keys, the
// softmax, the outputs so far. With a head of 64 an SM's exponentials take as long as its matrix products, and
// everything else competes with them for issue slots: hence the rule of attention_softmax.cuh. The column of ones is a
// tile of shared memory behind the values.
#pragma once

#include "backend/cuda/attention_softmax.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

// The descriptor of a block's values (columns 0 to 63 of b) that go on with a tile of ones; both are 64 rows of 128
// bytes, the ones at a higher address. The first stride leads from 64 columns to the next 64.
__device__ __forceinline__ std::uint64_t values_descriptor(std::uint32_t values, std::uint32_t ones) {
    return (matrix_descriptor(values) & ~(0x3FFFULL << 16)) | std::uint64_t{(ones - values) >> 4} << 16;
}

template <model::KvType type>
struct AttentionRowTile : AttentionSoftmax<type> {
    using Softmax = AttentionSoftmax<type>;
    using typename Softmax::Probabilities;
    static constexpr bool kIsBf16 = type == model::KvType::bf16;
    static constexpr int kRows = 64;

    // A lane's share: rows g and g + 8 of its warp's sixteen.
    std::uint32_t queries[4][4];
    float output[9][4];  // [8]: the denominator, in every column

    __device__ void multiply_keys(std::uint64_t keys) {
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 columns are 32 bytes
            warpgroup_multiply_64<kIsBf16>(this->scores, queries[k], keys + 2 * k, k > 0);
        warpgroup_commit();
    }
    __device__ void multiply_values(const Probabilities& probabilities, std::uint64_t values) {
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 keys are 2048 bytes
            warpgroup_multiply_72<kIsBf16>(output, probabilities[k], values + 128 * k);
        warpgroup_commit();
    }

    __device__ __forceinline__ bool soften(Probabilities& probabilities, int block, int window) {
        fence_accumulators(this->scores);
        return Softmax::soften(probabilities, block, window);
    }
    __device__ __forceinline__ void rescale() {
#pragma unroll
        for (int n = 0; n < 9; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) output[n][i] *= this->shrink[i / 2];
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
};

}  // namespace gptoss::backend::cuda
