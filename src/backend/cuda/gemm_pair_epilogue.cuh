// What happens to the sums of a tile whose lanes hold two neighbouring weight rows (gemm_unpacked.cuh). Eight lanes of a
// warp have sixteen rows of one token: 64 bytes of float32, 32 of bfloat16, whole sectors. So every lane stores its
// pairs where they belong, without a turn in shared memory. What it has to read for that, it asks for while the last
// products run, and from then on some tokens ahead.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"

namespace gptoss::backend::cuda {

// Of one warp: weight rows first_row .. first_row + 15 of a tile of 8 * groups tokens; sums[j][0..1] are row
// first_row + 2g, [2..3] the next, of tokens 8j + 2c and 8j + 2c + 1. `ahead`: groups of eight tokens read at once.
template <int groups, int ahead>
class PairEpilogue {
    static_assert(groups % ahead == 0);

  public:
    __device__ __forceinline__ PairEpilogue(const EpilogueTargets& targets, const Tile& tile, int rows,
                                            int first_row)
        : targets_(targets),
          first_token_(tile.first_row),
          weight_row_(first_row + threadIdx.x % 32 / 4 * 2),
          // A warp's rows are of one head.
          count_(weight_row_ < rows ? tile.row_count - threadIdx.x % 4 * 2 : 0) {
        if (targets.kind == Epilogue::residual) {
            stride_ = static_cast<int>(targets.output_stride);
            reads_ = targets.output + first_token() * targets.output_stride + weight_row_;
        } else if (is_rotated()) {
            stride_ = kHeadSize;
            reads_ = targets.rotation + first_token() * kHeadSize + weight_row_ % kHeadSize;
        }
    }

    __device__ __forceinline__ void read_first() { read<0>(); }

    __device__ __forceinline__ void store(const float (&sums)[groups][4]) {
        if (count_ <= 0) return;
        const float2 bias = targets_.bias == nullptr
                                ? float2{}
                                : __ldg(reinterpret_cast<const float2*>(targets_.bias + weight_row_));
        if (targets_.kind == Epilogue::residual) {
            float* out = targets_.output + first_token() * targets_.output_stride + weight_row_;
            for_tokens(sums, [&](int token, float2 before, float first, float second) {
                *reinterpret_cast<float2*>(out + std::int64_t{token} * opaque(stride_)) = {
                    before.x + (first + bias.x), before.y + (second + bias.y)};
            });
        } else if (targets_.kind == Epilogue::logits) {
            float* out = targets_.output + first_token() * targets_.output_stride + weight_row_;
            for_tokens(sums, [&](int token, float2, float first, float second) {
                float* to = out + token * targets_.output_stride;
                if (weight_row_ < targets_.output_columns) to[0] = first + bias.x;
                if (weight_row_ + 1 < targets_.output_columns) to[1] = second + bias.y;
            });
        } else if (weight_row_ < targets_.query_rows) {
            std::uint16_t* queries = targets_.queries + first_token() * targets_.query_rows + weight_row_;
            const model::KvType type =
                targets_.cache_type == model::KvType::bf16 ? model::KvType::bf16 : model::KvType::f16;
            for_tokens(sums, [&](int token, float2 turn, float first, float second) {
                first += bias.x, second += bias.y;
                rotate_pair(first, second, turn);
                *reinterpret_cast<std::uint32_t*>(queries + std::int64_t{token} * targets_.query_rows) =
                    to_kv_pair(type, first, second);
            });
        } else if (is_rotated()) {
            for_tokens(sums, [&](int token, float2 turn, float first, float second) {
                first += bias.x, second += bias.y;
                rotate_pair(first, second, turn);
                store_cached(token, first, second);
            });
        } else {
            for_tokens(sums, [&](int token, float2, float first, float second) {
                store_cached(token, first + bias.x, second + bias.y);
            });
        }
    }

  private:
    // The compiler would keep the addresses of what was read, two registers each, for the stores.
    __device__ __forceinline__ static int opaque(int value) {
        asm volatile("" : "+r"(value));
        return value;
    }
    __device__ std::int64_t first_token() const { return first_token_; }
    __device__ bool is_rotated() const {
        return targets_.kind == Epilogue::query_key_value &&
               weight_row_ < targets_.query_rows + targets_.kv_rows;
    }

    // Of the tokens of groups first .. first + ahead - 1.
    template <int first>
    __device__ __forceinline__ void read() {
        if (reads_ == nullptr) return;
        const int stride = opaque(stride_);
        const float* from = reads_ + threadIdx.x % 4 * 2 * stride;
#pragma unroll
        for (int j = 0; j < ahead; ++j)
#pragma unroll
            for (int i = 0; i < 2; ++i)
                if (const int token = 8 * (first + j) + i; token < count_)
                    read_[first / ahead % 2][j][i] =
                        *reinterpret_cast<const float2*>(from + std::int64_t{token} * stride);
    }

    // Calls store(token, what was read, sums of the two rows).
    template <int first = 0, typename Store>
    __device__ __forceinline__ void for_tokens(const float (&sums)[groups][4], Store store) {
        if constexpr (first < groups) {
            if constexpr (first + ahead < groups) read<first + ahead>();
#pragma unroll
            for (int j = 0; j < ahead; ++j)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    if (const int token = 8 * (first + j) + i; token < count_)
                        store(token + threadIdx.x % 4 * 2, read_[first / ahead % 2][j][i], sums[first + j][i],
                              sums[first + j][2 + i]);
            for_tokens<first + ahead>(sums, store);
        }
    }

    // Keys of all heads, then values of all heads: the tiles of a block follow each other in that order.
    __device__ __forceinline__ void store_cached(int token, float first, float second) const {
        const int head = (weight_row_ - targets_.query_rows) / kHeadSize;
        const std::int64_t element = __ldg(targets_.cache_rows + first_token() + token) +
                                     head * (model::kBlockTokens * kHeadSize) + weight_row_ % kHeadSize;
        const std::uint32_t pair = to_kv_pair(targets_.cache_type, first, second);
        auto* cache = static_cast<std::byte*>(targets_.cache);
        if (targets_.cache_type == model::KvType::f8)
            *reinterpret_cast<std::uint16_t*>(cache + element) = static_cast<std::uint16_t>(pair);
        else
            *reinterpret_cast<std::uint32_t*>(cache + element * 2) = pair;
    }

    const EpilogueTargets& targets_;
    const int first_token_, weight_row_;
    const int count_;               // tokens of the tile from the lane's first on
    const float* reads_ = nullptr;  // the pair beside the tile's first token
    int stride_ = 0;
    float2 read_[2][ahead][2];
};

}  // namespace gptoss::backend::cuda
