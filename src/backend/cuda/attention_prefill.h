// Attention of many new rows over their sequences' cached keys, the rows' own included. Queries of all heads
// that share a key head are computed together, so a window of 128 keys costs little more than 128 keys.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/decode_stages.h"
#include "backend/cuda/device_state.h"
#include "backend/cuda/gemm.h"
#include "backend/cuda/plan/lone_row_shares.h"

namespace gptoss::backend::cuda {

// Consecutive rows of one sequence at consecutive positions.
struct PrefillSegment {
    std::int32_t slot = 0;
    std::int32_t first_row = 0;
    std::int32_t row_count = 0;
    std::int32_t first_position = 0;
};

struct PrefillAttention {
    const PrefillSegment* segments = nullptr;  // device
    std::int32_t segment_count = 0;
    std::int32_t row_count = 0;  // of all segments
    // [row][query heads * 64], as the query_key_value epilogue leaves them
    const std::uint16_t* queries = nullptr;
    std::int32_t query_heads = 0;
    KvPool pool;  // of this kind of layer; every number in it finite
    std::int32_t pool_layer = 0;
    const std::int32_t* tables = nullptr;  // [slot][table_stride], blocks by position / kBlockTokens
    std::int32_t table_stride = 0;
    std::int32_t window = 0;       // keys a row sees, itself included; 0 = all
    const float* sinks = nullptr;  // [query_heads]
    __half* output = nullptr;      // [row][query heads * 64], columns in `order`
    ActivationOrder order = ActivationOrder::sequential;
};

// Rows that are alone in their segment, one each of many sequences: a tile of the kernel above would be
// nearly empty.
struct LoneRows {
    const RowInput* inputs = nullptr;    // [row], device; position and slot are read
    const std::int32_t* rows = nullptr;  // device: which rows
    std::int32_t count = 0;
    float* partials = nullptr;           // kLoneRowFloats
    std::int32_t* semaphores = nullptr;  // [count][kv heads], zero before and after
};
// Blocks of threads that may share the rows' keys, and what each leaves for the last one.
inline constexpr std::int32_t kLoneRowParts = kLoneRowBlocks;
inline constexpr std::int64_t kLoneRowFloats = std::int64_t{kLoneRowParts} * kMaxGroupHeads * (kHeadSize + 2);

// Ignores `segments`, `segment_count` and `row_count`. Throws Error(device_failed) when the launch fails.
// count * kv heads * kv.splits <= kLoneRowParts unless that is 1.
void launch_lone_row_attention(const PrefillAttention& attention, const LoneRows& lone, const KvPlan& kv,
                               cudaStream_t stream);

// Many of them: the work is dealt out to warps that stay (attention_many_lone_rows.cuh).
struct ManyLoneRows {
    const LoneRow* rows = nullptr;  // device
    std::int32_t count = 0;
    const LoneRowShare* work = nullptr;  // device; of share_lone_rows() for this kind of layer, as `shares`
    LoneRowShares shares;
    float* partials = nullptr;           // kManyLoneRowFloats
    std::int32_t* semaphores = nullptr;  // [kMostLoneWorkers], zero before and after
};
// What workers leave of keys that they share: two parts each.
inline constexpr std::int64_t kManyLoneRowFloats =
    std::int64_t{kMostLoneWorkers} * 2 * kMaxGroupHeads * (kHeadSize + 2);

// Ignores `segments`, `segment_count` and `row_count`. `device`: the current one, or a smaller one. Throws
// Error(device_failed) when the launch fails.
void launch_many_lone_rows_attention(const PrefillAttention& attention, const ManyLoneRows& lone,
                                     const DeviceTraits& device, cudaStream_t stream);

// Lone rows with the bits that the prompt's kernels would give them: block after block of keys, in order.
struct LoneRowChain {
    const RowInput* inputs = nullptr;    // [row], device
    const std::int32_t* rows = nullptr;  // device: which rows
    std::int32_t count = 0;
    std::int32_t most_blocks = 0;  // of keys that one of them sees
    float* workspace = nullptr;    // kLoneChainFloats for each of count * kv heads * most_blocks
    // The most a block of threads may have on this device: with enough, few rows take one kernel instead of two.
    std::int32_t shared_bytes_per_block = 0;
};
inline constexpr std::int64_t kLoneChainFloats = (model::kBlockTokens + 1) * kMaxGroupHeads;

// Whether there are enough rows that a warp goes through the keys of one and a key head alone, and none so much longer that
// the others would wait for it.
bool takes_lone_walk(std::int32_t rows, std::int32_t most_blocks, std::int32_t shared_bytes_per_block);

// Ignores `segments`, `segment_count` and `row_count`; heads in a group 1, 2, 4 or 8. Throws Error(device_failed) when
// a launch fails.
void launch_lone_row_chain_attention(const PrefillAttention& attention, const LoneRowChain& lone,
                                     cudaStream_t stream);

// Head size 64; heads in a group 1, 2, 4 or 8. Throws Error(device_failed) when the launch fails.
// `use_wgmma`: sm_90a alone; an 8-bit cache is read by mma.sync all the same.
void launch_prefill_attention(const PrefillAttention& attention, bool use_wgmma, cudaStream_t stream);

// Allows the kernels their shared memory on the current device; once for each device. Throws
// Error(device_failed).
void prepare_prefill_attention();
void prepare_lone_row_attention();  // its part for lone rows
void prepare_many_lone_rows_attention();
void prepare_lone_row_chain_attention();

}  // namespace gptoss::backend::cuda
