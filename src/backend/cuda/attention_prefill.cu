// Flash attention (Dao 2023) with mma.sync: scores of 128 query rows against one block of 64 keys at a time,
// softmax kept up to date as blocks go by, probabilities never leave the registers. Four warps of 32 query
// rows; keys and values are copied two blocks ahead.
//
// A sink is a key that is always seen, with a raw logit and no value: the reference starts at it and the
// denominator at one.
#include <algorithm>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/attention_prefill_warpgroup.cuh"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/tensor_map.h"
#include "base/check.h"
#include "base/error.h"

namespace gptoss::backend::cuda {

namespace {

using model::KvType;

constexpr int kKeys = kAttentionKeys, kTileBytes = kAttentionTileBytes;
constexpr int kRows = 128;  // query rows (tokens times heads of a group) of a block of threads
constexpr int kThreads = 128;
constexpr int kStages = 3;
constexpr int kSharedBytes = kStages * 2 * kTileBytes;
static_assert(kThreads / 32 * 32 == kRows, "a warp has 32 rows");

template <KvType type>
__device__ __forceinline__ void multiply(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                         std::uint32_t b1) {
    if constexpr (type == KvType::bf16)
        MmaBf16::multiply_add(sum, a, b0, b1);
    else
        MmaF16::multiply_add(sum, a, b0, b1);
}

template <KvType type>
__global__ void __launch_bounds__(kThreads, 2) prefill_attention_kernel(const PrefillAttention a) {
    extern __shared__ __align__(128) std::byte shared_memory[];
    griddep_launch_dependents();
    griddep_wait();
    const std::uint32_t shared = shared_address(shared_memory);
    const int group = a.query_heads / a.pool.kv_heads;  // a power of two
    const int tokens = kRows / group;
    const int kv_head = blockIdx.x % a.pool.kv_heads;
    // Later tiles of a long sequence see more keys: start them first.
    const AttentionPlace place =
        find_attention_place(a, (gridDim.x - 1 - blockIdx.x) / a.pool.kv_heads, tokens);
    if (place.token_count == 0) return;

    const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
    const std::int32_t* table = a.tables + std::int64_t{place.segment.slot} * a.table_stride;
    constexpr int kElementBytes = type == KvType::f8 ? 1 : 2;
    const std::byte* layer = a.pool.data + a.pool_layer * a.pool.layer_elements() * kElementBytes;
    const auto copy_block = [&](int block) {
        const int stage = (block - place.first_block) % kStages;
        const std::byte* keys =
            layer +
            (table[block] * a.pool.block_elements() + kv_head * a.pool.tile_elements()) * kElementBytes;
        const std::byte* values = keys + a.pool.kv_heads * a.pool.tile_elements() * kElementBytes;
        copy_attention_tile<type, kThreads>(shared + 2 * stage * kTileBytes,
                                            shared_memory + 2 * stage * kTileBytes, keys, threadIdx.x);
        copy_attention_tile<type, kThreads>(shared + (2 * stage + 1) * kTileBytes,
                                            shared_memory + (2 * stage + 1) * kTileBytes, values,
                                            threadIdx.x);
    };
#pragma unroll
    for (int s = 0; s < kStages - 1; ++s) {
        if (place.first_block + s <= place.last_block) copy_block(place.first_block + s);
        commit_copies();
    }

    // Query row r of the tile is head r % group of token r / group. A lane has rows g and g + 8 of two M-tiles.
    std::uint32_t queries[2][4][4];
    AttentionSoftmax<type> rows[2];
    float output[2][8][4] = {}, denominators[2][4];  // the sink's weight: one
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int r = warp * 32 + m * 16 + half * 8 + g;
            const int token = min(r / group, place.token_count - 1);
            const int head = kv_head * group + r % group;
            rows[m].positions[half] = place.segment.first_position + place.first_token + token;
            rows[m].reference[half] = a.sinks[head] * kLog2e;
            denominators[m][2 * half] = denominators[m][2 * half + 1] = 1.0F;
            const std::int64_t row = place.segment.first_row + place.first_token + token;
            const auto* query =
                reinterpret_cast<const std::uint32_t*>(a.queries + (row * a.query_heads + head) * kHeadSize);
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                queries[m][k][half] = query[k * 8 + c];
                queries[m][k][2 + half] = query[k * 8 + 4 + c];
            }
        }
        rows[m].masked_from = (rows[m].positions[0] + 1) / kKeys;
        rows[m].unmasked_from =
            a.window > 0 ? (max(0, rows[m].positions[1] - a.window + 1) + kKeys - 1) / kKeys : 0;
    }

    const int lane = threadIdx.x % 32;
    const std::uint32_t ones = pack_probabilities<type>(1.0F, 1.0F);
    for (int block = place.first_block; block <= place.last_block; ++block) {
        wait_for_copies<kStages - 2>();
        __syncthreads();  // this block has landed for all; the one before has been read by all
        if (block + kStages - 1 <= place.last_block) copy_block(block + kStages - 1);
        commit_copies();
        const std::uint32_t keys = shared + 2 * ((block - place.first_block) % kStages) * kTileBytes;
        const std::uint32_t values = keys + kTileBytes;

#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int n = 0; n < 8; ++n)
#pragma unroll
                for (int i = 0; i < 4; ++i) rows[m].scores[n][i] = 0;
#pragma unroll
        for (int k = 0; k < 4; ++k) {
#pragma unroll
            for (int n = 0; n < 4; ++n) {  // 16 keys
                std::uint32_t b[4];
                load_matrices(b,
                              keys + piece_offset(n * 16 + lane / 16 * 8 + lane % 8, k * 2 + lane / 8 % 2));
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    multiply<type>(rows[m].scores[2 * n], queries[m][k], b[0], b[1]);
                    multiply<type>(rows[m].scores[2 * n + 1], queries[m][k], b[2], b[3]);
                }
            }
        }

        typename AttentionSoftmax<type>::Probabilities probabilities[2];
#pragma unroll
        for (int m = 0; m < 2; ++m) {
            if (!rows[m].soften(probabilities[m], block, a.window)) continue;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                denominators[m][i] *= rows[m].shrink[i / 2];
#pragma unroll
                for (int n = 0; n < 8; ++n) output[m][n][i] *= rows[m].shrink[i / 2];
            }
        }

#pragma unroll
        for (int k = 0; k < 4; ++k) {  // 16 keys
#pragma unroll
            for (int m = 0; m < 2; ++m) multiply<type>(denominators[m], probabilities[m][k], ones, ones);
#pragma unroll
            for (int n = 0; n < 4; ++n) {  // 16 value columns
                std::uint32_t b[4];
                load_matrices_transposed(b, values + piece_offset(k * 16 + lane % 16, n * 2 + lane / 16));
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    multiply<type>(output[m][2 * n], probabilities[m][k], b[0], b[1]);
                    multiply<type>(output[m][2 * n + 1], probabilities[m][k], b[2], b[3]);
                }
            }
        }
    }
    wait_for_copies<0>();

#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float inverse = 1.0F / denominators[m][2 * half];
            const int r = warp * 32 + m * 16 + half * 8 + g;
            if (r / group >= place.token_count) continue;
            const std::int64_t row = place.segment.first_row + place.first_token + r / group;
            __half* to = a.output + (row * a.query_heads + kv_head * group + r % group) * kHeadSize;
#pragma unroll
            for (int n = 0; n < 8; ++n)
                store_attention_pair(to, a.order, n * 8 + 2 * c, output[m][n][2 * half] * inverse,
                                     output[m][n][2 * half + 1] * inverse);
        }
    }
}

// Pieces of work of `rows` query rows: enough for any division of the rows into segments.
int count_pieces(const PrefillAttention& a, int rows) {
    const int tokens = rows / (a.query_heads / a.pool.kv_heads);
    return (a.row_count / tokens + a.segment_count) * a.pool.kv_heads;
}

// The pool as a matrix of 64 columns whose boxes are tiles of a head's keys or values (KvPool), swizzled as wgmma
// reads them. Throws Error(device_failed).
CUtensorMap map_kv_tiles(const KvPool& pool) {
    BoxedMatrix tiles;
    tiles.data = pool.data;
    tiles.rows = pool.layer_elements() * pool.layers / kHeadSize;
    tiles.columns = kHeadSize;
    tiles.element_bytes = 2;
    tiles.box_rows = kAttentionKeys;
    tiles.box_columns = kHeadSize;
    tiles.swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
    tiles.fetches = CU_TENSOR_MAP_L2_PROMOTION_L2_256B;
    return map_matrix(tiles);
}

template <KvType type>
void launch_warpgroups(const PrefillAttention& a, cudaStream_t stream) {
    int device = 0, sm_count = 0;
    cuda_check(cudaGetDevice(&device));
    cuda_check(cudaDeviceGetAttribute(&sm_count, cudaDevAttrMultiProcessorCount, device));
    const int pieces = count_pieces(a, WarpgroupAttention::kRows);
    launch_pdl(warpgroup_attention_kernel<type>, dim3(static_cast<unsigned>(std::min(pieces, sm_count))),
               WarpgroupAttention::kThreads, WarpgroupAttention::kSharedBytes, stream, a,
               map_kv_tiles(a.pool), pieces);
}

}  // namespace

void prepare_prefill_attention() {
    const auto allow = [](auto kernel, int shared_bytes) {
        cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
        prefer_shared_memory(kernel);
    };
    if (current_device_traits().has_wgmma()) {
        allow(warpgroup_attention_kernel<KvType::bf16>, WarpgroupAttention::kSharedBytes);
        allow(warpgroup_attention_kernel<KvType::f16>, WarpgroupAttention::kSharedBytes);
    }
    for_each_kv_type(
        [&](auto type) { allow(prefill_attention_kernel<decltype(type)::value>, kSharedBytes); });
    prepare_lone_row_attention();
}

void launch_prefill_attention(const PrefillAttention& attention, bool use_wgmma, cudaStream_t stream) {
    const std::int32_t group = attention.query_heads / attention.pool.kv_heads;
    check(attention.pool.head_size == kHeadSize, "head size 64");
    check(group > 0 && (group & (group - 1)) == 0 && group <= 64, "heads in a group: a power of two");
    if (attention.row_count == 0) return;
    with_kv_type(attention.pool.type, [&](auto tag) {
        constexpr KvType type = decltype(tag)::value;
        if (use_wgmma && type != KvType::f8)
            launch_warpgroups<type>(attention, stream);
        else
            launch_pdl(prefill_attention_kernel<type>,
                       dim3(static_cast<unsigned>(count_pieces(attention, kRows))), kThreads, kSharedBytes,
                       stream, attention);
    });
}

}  // namespace gptoss::backend::cuda
