// A few keys and values of a head in shared memory ("a group"), and their products with up to eight query heads by
// the tensor cores. Query heads are the upper 8 rows of the operand, what their rounding to the cache's type lost
// the lower 8; likewise for the probabilities (paged_decode_attention.cuh).
#pragma once

#include "backend/cuda/attention_row.cuh"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/plan/lone_row_shares.h"

namespace gptoss::backend::cuda {

// What a lane has of eight heads: of head lane / 4 two neighbouring dimensions of each eighth.
struct LoneSums {
    float2 pairs[8];
    float largest, weights;  // in powers of two
};

template <model::KvType kKv, int kGroupKeys = kLoneGroupKeys>
struct LoneGroup {
    static constexpr int kKeys = kGroupKeys;
    static constexpr bool kIsF8 = kKv == model::KvType::f8;
    using Mma = std::conditional_t<kKv == model::KvType::bf16, MmaBf16, MmaF16>;
    static constexpr int kElementBytes = kIsF8 ? 1 : 2;
    static constexpr int kRowBytes = kHeadSize * kElementBytes, kPieces = kRowBytes / 16;
    static constexpr int kKeysBytes = kKeys * kRowBytes,
                         kBytes = 2 * kKeysBytes;         // keys, then values
    static constexpr int kCopies = kKeys * kPieces / 32;  // by each lane, of keys and of values
    static constexpr int kSteps = kKeys / 16;             // of the product with the values
    static constexpr int kValueLoads = kPieces / 2;
    static constexpr int kScores = 4 * kSteps;  // a lane's: keys 8i + 2t and 8i + 2t + 1; t = lane % 4

    using Query = std::uint32_t[4][4];  // k-steps of 16 dimensions
    using QueryWords = std::uint32_t[4][2];
    using Weights = std::uint32_t[kSteps][4];
    using Values = std::uint32_t[kSteps][kValueLoads][4];

    // Sends for the group that begins with `key`: keys `from` device memory, values `to_values` bytes after them. What
    // is not first_key .. last_key was never written, or is another sequence's: may be anything, even NaN.
    static __device__ __forceinline__ void copy(std::uint32_t to, const std::byte* from,
                                                std::int64_t to_values, int key, int first_key, int last_key,
                                                int lane) {
#pragma unroll
        for (int i = 0; i < kCopies; ++i) {
            const int piece = lane + i * 32, row = piece / kPieces;
            const bool seen = key + row >= first_key && key + row <= last_key;
            const int place = offset(row, piece % kPieces);
            copy_16_bytes_async(to + place, from + piece * 16, seen);
            copy_16_bytes_async(to + kKeysBytes + place, from + to_values + piece * 16, seen);
        }
    }

    // Pieces of 16 bytes are swizzled: ldmatrix without bank conflicts.
    static __device__ int offset(int row, int piece) {
        return row * kRowBytes + ((piece ^ (kIsF8 ? row / 2 % 4 : row % 8)) << 4);
    }
    // Of the first of two neighbours that a lane holds in a k-step's operand; t = lane % 4.
    static __device__ int query_dimension(int t, int step, int half) {
        return 16 * step + (kIsF8 ? 4 * t + 2 * half : 8 * half + 2 * t);
    }
    static __device__ int pair_dimension(int t, int j) {
        return kIsF8 ? j / 2 * 16 + 4 * t + j % 2 * 2 : 8 * j + 2 * t;
    }

    // `pair_of(step, half)` (at query_dimension) times `factor`, rounded and what rounding lost.
    template <typename PairOf>
    static __device__ void make_query(Query& query, float factor, PairOf pair_of) {
#pragma unroll
        for (int step = 0; step < 4; ++step)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float2 pair = pair_of(step, half);
                split_pair<Mma>(pair.x * factor, pair.y * factor, query[step][2 * half],
                                query[step][2 * half + 1]);
            }
    }

    // A lane gets the scores of head lane / 4.
    static __device__ __forceinline__ void multiply_keys(float (&score)[kScores], const Query& query,
                                                         std::uint32_t keys, int lane) {
#pragma unroll
        for (int i = 0; i < kScores / 2; ++i) {
            const int row = i * 8 + lane % 8;
            float c[4] = {};
            std::uint32_t words[4];
            if constexpr (kIsF8) {
                load_matrices(words, keys + offset(row, lane / 8));
#pragma unroll
                for (int step = 0; step < 4; ++step) {
                    const uint2 operand = unpack_e4m3(words[step]);
                    Mma::multiply_add(c, query[step], operand.x, operand.y);
                }
            } else {
#pragma unroll
                for (int q = 0; q < 2; ++q) {
                    load_matrices(words, keys + offset(row, q * 4 + lane / 8));
                    Mma::multiply_add(c, query[2 * q], words[0], words[1]);
                    Mma::multiply_add(c, query[2 * q + 1], words[2], words[3]);
                }
            }
            score[2 * i] = c[0] + c[2];
            score[2 * i + 1] = c[1] + c[3];
        }
    }

    static __device__ __forceinline__ void load_values(Values& words, std::uint32_t values, int lane) {
#pragma unroll
        for (int k = 0; k < kSteps; ++k)
#pragma unroll
            for (int q = 0; q < kValueLoads; ++q)
                load_matrices_transposed(words[k][q], values + offset(k * 16 + lane % 16, q * 2 + lane / 16));
    }
    // `weights`: of the keys as multiply_keys() left their scores, rounded and rest.
    static __device__ __forceinline__ void multiply_values(float (&sums)[8][4], const Weights& weights,
                                                           const Values& values) {
#pragma unroll
        for (int k = 0; k < kSteps; ++k) {
#pragma unroll
            for (int q = 0; q < kValueLoads; ++q) {
                const auto& words = values[k][q];
                if constexpr (kIsF8) {
#pragma unroll
                    for (int p = 0; p < 2; ++p) {
                        // A word: two dimensions of key 2t, then of key 2t + 1; wanted: a dimension of both.
                        const uint2 low = unpack_e4m3(__byte_perm(words[2 * p], 0, 0x3120));
                        const uint2 high = unpack_e4m3(__byte_perm(words[2 * p + 1], 0, 0x3120));
                        Mma::multiply_add(sums[4 * q + 2 * p], weights[k], low.x, high.x);
                        Mma::multiply_add(sums[4 * q + 2 * p + 1], weights[k], low.y, high.y);
                    }
                } else {
                    Mma::multiply_add(sums[2 * q], weights[k], words[0], words[1]);
                    Mma::multiply_add(sums[2 * q + 1], weights[k], words[2], words[3]);
                }
            }
        }
    }
    // Products of the rounded weights and of the rest together.
    static __device__ void gather(LoneSums& result, const float (&sums)[8][4]) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const int first = kIsF8 ? j / 2 * 2 : j, second = kIsF8 ? first + 1 : j;
            const int x = kIsF8 ? j % 2 : 0, y = kIsF8 ? j % 2 : 1;
            result.pairs[j] = {sums[first][x] + sums[first][x + 2], sums[second][y] + sums[second][y + 2]};
        }
    }
};

// One warp's part of a row: groups `first`, `first` + `stride` and so on before `end`, as `copies` brings them into the
// warp's ring of kSlots groups, from `slot` on. `copies.send(lane)`: sends for the next, or for nothing, and commits.
template <int kSlots, typename Group, typename Copies>
__device__ __forceinline__ LoneSums attend_groups(std::uint32_t ring, int& slot, int first, int end,
                                                  int stride, int first_key, int last_key,
                                                  const typename Group::Query& query, Copies& copies) {
    using Mma = typename Group::Mma;
    const int lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4;
    float sums[8][4] = {};
    float largest = -INFINITY, weights = 0;
    for (int group = first; group < end; group += stride) {
        wait_for_copies<kSlots - 1>();
        __syncwarp();
        const std::uint32_t keys = ring + slot * Group::kBytes;
        slot = slot + 1 == kSlots ? 0 : slot + 1;
        float score[Group::kScores];
        Group::multiply_keys(score, query, keys, lane);
        typename Group::Values values;
        Group::load_values(values, keys + Group::kKeysBytes, lane);
        __syncwarp();  // the slot is free
        copies.send(lane);

        const int key = group * Group::kKeys;
        if (key < first_key || key + Group::kKeys > last_key + 1) {
#pragma unroll
            for (int i = 0; i < Group::kScores; ++i) {
                const int own = key + i / 2 * 8 + 2 * t + i % 2;
                if (own < first_key || own > last_key) score[i] = -INFINITY;
            }
        }
        float top = score[0];
#pragma unroll
        for (int i = 1; i < Group::kScores; ++i) top = fmaxf(top, score[i]);
        meet_group(top, largest, weights, sums);
        typename Group::Weights weight;
#pragma unroll
        for (int i = 0; i < Group::kScores; i += 2) {
            const float low = power_of_two(score[i] - largest), high = power_of_two(score[i + 1] - largest);
            weights += low + high;
            split_pair<Mma>(low, high, weight[i / 4][i % 4], weight[i / 4][i % 4 + 1]);
        }
        Group::multiply_values(sums, weight, values);
    }
    weights += __shfl_xor_sync(kAllLanes, weights, 1);
    weights += __shfl_xor_sync(kAllLanes, weights, 2);
    LoneSums result;
    result.largest = largest;
    result.weights = weights;
    Group::gather(result, sums);
    return result;
}

}  // namespace gptoss::backend::cuda
