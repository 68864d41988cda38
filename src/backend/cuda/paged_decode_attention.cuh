// Attention of single rows over their cached keys, with a sink in every softmax and, on sliding
// layers, a window. A block has one row, one key head and one part of the keys; the query heads that share
// the key head are the rows of a tensor core operand, so keys and values are read once for all of them.
//
// The operand's upper 8 rows are the query heads rounded to the cache's type, the lower 8 what the rounding
// lost; likewise for the probabilities. So queries and probabilities count with twice the type's bits, and
// the cache's own rounding is the only one that matters.
#pragma once

#include "backend/cuda/attention_row.cuh"

namespace gptoss::backend::cuda {

inline constexpr int kGroupKeys = 16;  // keys a warp takes at a time: within one block of the cache
static_assert(model::kBlockTokens % kGroupKeys == 0, "a group lies in one block");

// How a lane holds 16 keys and values. Keys: its quad's key g (and g + 8), 16 of the 64 dimensions. Values:
// keys 2t, 2t + 1, 2t + 8, 2t + 9, dimensions 8g .. 8g + 7.
template <model::KvType kKv>
struct Cached {
    using Mma = std::conditional_t<kKv == model::KvType::bf16, MmaBf16, MmaF16>;
    static constexpr int kElementBytes = 2;
    uint4 key[2][2];  // [g or g + 8][dimensions 8t .. 8t + 7 or 32 + 8t ..]
    uint4 value[4];

    static __device__ int dimension(int t, int step) { return step / 2 * 32 + 8 * t + step % 2 * 4; }
    template <typename TileOf>
    __device__ void load_keys(TileOf tile_of, int g, int t) {
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int half = 0; half < 2; ++half)
                key[i][half] = load_streaming_128(tile_of(g + i * 8) +
                                                  ((g + i * 8) * kHeadSize + half * 32 + t * 8) * 2);
    }
    template <typename TileOf>
    __device__ void load_values(TileOf tile_of, int g, int t) {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            value[i] = load_streaming_128(tile_of(i / 2 * 8 + 2 * t + i % 2) +
                                          ((i / 2 * 8 + 2 * t + i % 2) * kHeadSize + g * 8) * 2);
    }
    __device__ uint2 key_operand(int i, int step) const {
        const uint4& words = key[i][step / 2];
        return step % 2 == 0 ? uint2{words.x, words.y} : uint2{words.z, words.w};
    }
    // A 32-bit word (0 .. 3) of cached value i: two of the eight dimensions that this lane holds.
    __device__ std::uint32_t value_word(int i, int word) const {
        return word == 0 ? value[i].x : word == 1 ? value[i].y : word == 2 ? value[i].z : value[i].w;
    }
    __device__ void clear_value(int i) {
        value[i] = {};
    }
};

template <>
struct Cached<model::KvType::f8> {
    using Mma = MmaF16;
    static constexpr int kElementBytes = 1;
    uint4 key[2];  // dimensions 16t .. 16t + 15
    uint2 value[4];

    static __device__ int dimension(int t, int step) { return 16 * t + step * 4; }
    template <typename TileOf>
    __device__ void load_keys(TileOf tile_of, int g, int t) {
#pragma unroll
        for (int i = 0; i < 2; ++i)
            key[i] = load_streaming_128(tile_of(g + i * 8) + (g + i * 8) * kHeadSize + t * 16);
    }
    template <typename TileOf>
    __device__ void load_values(TileOf tile_of, int g, int t) {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            value[i] = load_streaming_64(tile_of(i / 2 * 8 + 2 * t + i % 2) +
                                         (i / 2 * 8 + 2 * t + i % 2) * kHeadSize + g * 8);
    }
    __device__ uint2 key_operand(int i, int step) const {
        return unpack_e4m3(step == 0 ? key[i].x : step == 1 ? key[i].y : step == 2 ? key[i].z : key[i].w);
    }
    __device__ std::uint32_t value_word(int i, int word) const {
        const uint2 pairs = unpack_e4m3(word < 2 ? value[i].x : value[i].y);
        return word % 2 == 0 ? pairs.x : pairs.y;
    }
    __device__ void clear_value(int i) {
        value[i] = {};
    }
};

template <model::KvType kKv, bool kCluster, typename Rows>
__device__ __forceinline__ void paged_decode_attention(const Rows& rows) {
    using Cache = Cached<kKv>;
    using Mma = typename Cache::Mma;
    __shared__ WarpPart parts[kRowWarps];

    if constexpr (kCluster) cluster_arrive();  // the block has started: others may store into it
    griddep_launch_dependents();
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int g = lane / 4, t = lane % 4;
    const RowPart own = RowPart::of_block<kGroupKeys>(rows);
    if (own.split >= own.kv_splits) {
        griddep_wait();  // or this kernel could be over before the one it depends on
        return;
    }
    const RowInput& input = own.input;
    const int row = own.row, kv_head = own.kv_head, first_key = own.first_key;
    // A whole window that begins inside a group ends inside a ninth. Its keys take the place of those of the first group
    // that the window has left behind: no warp has two groups.
    const bool joins = rows.window == kRowWarps * kGroupKeys && own.end - own.begin == kRowWarps + 1;
    const int end = joins ? own.end - 1 : own.end;

    const std::int32_t* table = rows.table + std::int64_t{input.slot} * rows.table_stride;
    auto tile_of = [&](int group, bool values) {
        const std::int32_t block = __ldg(table + group * kGroupKeys / model::kBlockTokens);
        return rows.pool.data + (kv_tile_start(rows.pool, rows.layer_of_pool, block, values, kv_head) +
                                 group * kGroupKeys % model::kBlockTokens * kHeadSize) *
                                    Cache::kElementBytes;
    };
    Cache cached;
    int group = own.begin + warp;
    const auto load_keys = [&](int which) {
        const std::byte* tile = tile_of(which, false);
        cached.load_keys([&](int) { return tile; }, g, t);
    };
    const auto load_values = [&](int which) {
        const std::byte* tile = tile_of(which, true);
        cached.load_values([&](int) { return tile; }, g, t);
    };
    const bool joined = joins && warp == 0;
    const int last = joined ? end : group, left = joined ? first_key % kGroupKeys : 0;
    const std::byte *keys = nullptr, *values_from = nullptr, *last_keys = nullptr, *last_values = nullptr;
    if (group < end) {
        keys = tile_of(group, false), values_from = tile_of(group, true);
        last_keys = tile_of(last, false), last_values = tile_of(last, true);
    }
    const auto load_first = [&] {
        cached.load_keys([&](int key) { return key < left ? last_keys : keys; }, g, t);
        cached.load_values([&](int key) { return key < left ? last_values : values_from; }, g, t);
    };
    // What earlier steps wrote can be read before the previous stage is over.
    const bool early = group < end && (last + 1) * kGroupKeys <= input.first_new_position;
    if (early) load_first();
    griddep_wait();
    if (!early && group < end) load_first();

    const int group_heads = rows.query_heads / rows.kv_heads;
    std::uint32_t query[4][4];
    {
        // 1 / sqrt(64), and powers of two instead of e.
        const float factor = g < group_heads ? 0.125F * kRowLog2E : 0.0F;
        const int head = (kv_head * group_heads + min(g, group_heads - 1)) * kHeadSize;
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            const float4 four = rows.query(row, head + Cache::dimension(t, step));
            split_pair<Mma>(four.x * factor, four.y * factor, query[step][0], query[step][1]);
            split_pair<Mma>(four.z * factor, four.w * factor, query[step][2], query[step][3]);
        }
    }

    float values[8][4] = {};
    float largest = -INFINITY, weights = 0;
    for (; group < end; group += kRowWarps) {
        const int first = group * kGroupKeys, next = group + kRowWarps;
        float score[2][2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float c[4] = {};
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                const uint2 operand = cached.key_operand(i, step);
                Mma::multiply_add(c, query[step], operand.x, operand.y);
            }
            score[i][0] = c[0] + c[2];
            score[i][1] = c[1] + c[3];
        }
        if (next < end) load_keys(next);

        if (!joined && (first < first_key || first + kGroupKeys > input.position + 1)) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int key = first + i / 2 * 8 + 2 * t + i % 2;
                if (key >= first_key && key <= input.position) continue;
                score[i / 2][i % 2] = -INFINITY;
                cached.clear_value(i);  // never written, or another sequence's: may be anything, even NaN
            }
        }
        meet_group(fmaxf(fmaxf(score[0][0], score[0][1]), fmaxf(score[1][0], score[1][1])), largest, weights,
                   values);

        std::uint32_t weight[4];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const float low = power_of_two(score[i][0] - largest), high = power_of_two(score[i][1] - largest);
            weights += low + high;
            split_pair<Mma>(low, high, weight[2 * i], weight[2 * i + 1]);
        }
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const unsigned selector = j % 2 == 0 ? 0x5410 : 0x7632;
            const std::uint32_t b0 =
                __byte_perm(cached.value_word(0, j / 2), cached.value_word(1, j / 2), selector);
            const std::uint32_t b1 =
                __byte_perm(cached.value_word(2, j / 2), cached.value_word(3, j / 2), selector);
            Mma::multiply_add(values[j], weight, b0, b1);
        }
        if (next < end) load_values(next);
    }
    weights += __shfl_xor_sync(kAllLanes, weights, 1);
    weights += __shfl_xor_sync(kAllLanes, weights, 2);

    // Column n of product j is dimension 8n + j.
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        parts[warp].values[g][16 * t + j] = values[j][0] + values[j][2];
        parts[warp].values[g][16 * t + 8 + j] = values[j][1] + values[j][3];
    }
    if (t == 0) {
        parts[warp].largest[g] = largest;
        parts[warp].weights[g] = weights;
    }
    __syncthreads();
    finish_row<kCluster>(rows, own, [&](int which) -> const WarpPart& { return parts[which]; });
}

}  // namespace gptoss::backend::cuda
