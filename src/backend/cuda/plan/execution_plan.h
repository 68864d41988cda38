// Which kernels compute a step: the only place of the CUDA backend that chooses by the number of tokens, the
// context or the card. Includes no CUDA header and asks no driver, so a plan can be made and tested anywhere.
//
// Two passes share the operations. `decode` is for a few tokens: weights stream through shared memory once
// and every kernel is a dependent of the one before it. `batched` is for prompts and for many sequences at
// once: tiled matrix products.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "backend/kernel_choice.h"
#include "model/hyperparameters.h"
#include "model/plan.h"

namespace gptoss::backend::cuda {

// What is known of a card before anything runs on it.
struct DeviceTraits {
    std::int32_t compute_major = 0, compute_minor = 0;
    std::int32_t sm_count = 0;
    std::int32_t shared_bytes_per_block = 0;  // the most one block may ask for (opt-in)

    // wgmma exists on compute capability 9.0 alone.
    constexpr bool has_wgmma() const { return compute_major == 9 && compute_minor == 0; }
};

// The kernels of a matrix product.
//   mma             tiles of 192 weight rows by up to 128 tokens, mma.sync (ops of every card since sm_80)
//   wgmma           the same tiles with wgmma, warp-specialised (sm_90a); of experts with few tokens each, two
//                   tiles of up to 32 tokens at a time on an SM
//   wgmma_cluster   tiles of 192 weight rows by up to 64 tokens, K shared by the blocks of a cluster: dense
//                   products of few tokens
//   wgmma_unpacked  dense products of prompts: the weights are written as float16 first, once for all tokens (sm_90a)
//   row_streamed    dense products of up to 16 tokens, q8_0: every warp streams 16 weight rows past all tokens
//   column_streamed  dense products of few tokens, q8_0: the warps of a block share the columns of 16 weight rows
//   streamed        experts only, mxfp4: every warp streams 16 weight rows past 8 or 16 tokens
//   streamed_small  the same in 99 KB of shared memory
//   streamed_tiles  the same for the published width on Hopper: whole tiles, every warp owns columns
//   streamed_tiles_small  the same in 99 KB of shared memory
enum class MatrixKernel : std::uint8_t {
    mma,
    wgmma,
    wgmma_cluster,
    wgmma_unpacked,
    streamed,
    streamed_small,
    streamed_tiles,
    row_streamed,
    column_streamed,
    streamed_tiles_small
};
// Whether a sum's columns are added up in parts, which the number of tokens must not decide with DETERMINISM.
constexpr bool shares_columns(MatrixKernel kernel) {
    return kernel == MatrixKernel::wgmma_cluster || kernel == MatrixKernel::column_streamed;
}
constexpr bool is_streamed_in_tiles(MatrixKernel kernel) {
    return kernel == MatrixKernel::streamed_tiles || kernel == MatrixKernel::streamed_tiles_small;
}
constexpr bool is_streamed(MatrixKernel kernel) {
    return kernel == MatrixKernel::streamed || kernel == MatrixKernel::streamed_small ||
           is_streamed_in_tiles(kernel);
}
constexpr bool is_wgmma(MatrixKernel kernel) {
    return kernel == MatrixKernel::wgmma || kernel == MatrixKernel::wgmma_cluster ||
           kernel == MatrixKernel::wgmma_unpacked;
}
const char* name_of(MatrixKernel kernel);

inline constexpr std::int32_t kFewRows = 2;  // at most so many: ExecutionPlan::products_choose_experts
inline constexpr std::int32_t kExpertsPerToken = 4;     // checked when weights are loaded
inline constexpr std::int32_t kMaxTileTokens = 128;     // of a tile of mma or wgmma
inline constexpr std::int32_t kFewTileTokens = 32;      // of a small tile of wgmma's experts
inline constexpr std::int32_t kClusterTileTokens = 64;  // of a small tile of wgmma_cluster
inline constexpr std::int32_t kTileStreamTokens = 16;   // of a tile of streamed_tiles
inline constexpr std::int32_t kRowStreamRows = 16, kRowStreamTokens = 16;  // of a tile of row_streamed
inline constexpr std::int32_t kColumnStreamRows = 16,
                              kColumnStreamTokens = 16;     // of a tile of column_streamed
inline constexpr std::int32_t kColumnStreamColumns = 4096;  // the most that it has registers for
inline constexpr std::int32_t kMaxColumnShares = 8;         // blocks of a cluster that any card has
inline constexpr std::int32_t kMaxDecodeTokens = 8;         // of one decode step
inline constexpr std::int32_t kMaxKvSplits = 32;            // of one sequence's keys
inline constexpr std::int32_t kMinKvClusterParts = 4;       // of them that are one cluster of blocks
inline constexpr std::int32_t kMaxKvClusterParts = 8;
inline constexpr std::int32_t kRowStreamBytes = 64 * 1024;  // shared memory of a block that streams keys
inline constexpr std::int32_t kLoneRowBlocks = 2048;        // that may share the keys of lone rows

// Whether so many parts are worth a cluster of blocks; two are faster without.
constexpr bool is_kv_cluster(std::int32_t kv_splits) {
    return kv_splits >= kMinKvClusterParts && kv_splits <= kMaxKvClusterParts;
}

// How the keys of rows that are computed one by one are shared out.
struct KvPlan {
    std::int32_t splits = 1;  // parts that a row's keys may be split into, 1 .. kMaxKvSplits
    bool streamed =
        false;  // they come by way of shared memory (attention_streamed_row.cuh): where there are many
    auto operator<=>(const KvPlan&) const = default;
};

struct MatrixPlan {
    MatrixKernel kernel = MatrixKernel::mma;
    std::int32_t tile_weight_rows = 0;  // BLOCK_M
    std::int32_t tile_tokens = 0;       // BLOCK_N; of experts: the most a tile may have
    std::int32_t column_shares = 1;     // of wgmma_cluster: blocks that share a tile's columns
    // A weight is scaled before it is multiplied, and a sum's columns are one chain from the first to the last:
    // products of which this is true have the same bits.
    bool one_chain = false;
    bool operator==(const MatrixPlan&) const = default;
};

// What a step has to compute.
struct StepSize {
    std::int32_t tokens = 0;
    std::int32_t context = 0;      // positions of the longest sequence, the new ones included
    std::int32_t logits_rows = 0;  // tokens that want logits
    std::int32_t lone_rows = 0;    // tokens that are alone in their sequence: one each
};

struct PlanOptions {
    model::Hyperparameters shape;
    bool experts_are_mxfp4 = true;  // gate/up and down, as published
    bool dense_is_q8_0 = true;      // query-key-value and output, as published
    bool head_is_q8_0 = true;
    bool router_is_bf16 = true;  // its numbers are exact in bfloat16, as published
    model::KvTypes kv_types;
    // Float16 numbers that the batched pass has room for where wgmma_unpacked writes weights.
    std::int64_t unpacked_room = std::numeric_limits<std::int64_t>::max();
    // What `qualify` found on this card, or what a test forces, goes before what is usual. Another card's choices
    // come with that card's traits.
    KernelChoice kernels;
};

enum class Pass : std::uint8_t { decode, batched };

struct ExecutionPlan {
    Pass pass = Pass::decode;

    // decode
    std::int32_t tokens_per_step = 1;  // more tokens are computed in several steps
    std::int32_t token_columns = 4;    // operand columns the dense products are compiled for: 4 or 8
    bool single_token = false;         // gate/up: every warp routes for itself, no barrier
    KvPlan kv;                         // of full layers; a window is one part, not streamed
    bool kv_clusters = false;  // kMinKvClusterParts to kMaxKvClusterParts parts are a cluster of blocks
    bool whole_tiles = false;  // the copy engine brings weights as whole tiles (row_tile_stream.cuh)

    // batched
    bool routes_in_order = false;  // float32 in one order; of few tokens that is faster, too
    // One or two rows in order: the experts' products choose them, each block for itself (gemm_few_experts.cuh).
    bool products_choose_experts = false;
    bool attention_uses_wgmma = false;    // prompts; an 8-bit cache is read by mma.sync everywhere
    std::int32_t lone_row_kv_splits = 1;  // paged decode attention of lone rows, full layers
    bool shares_lone_rows = false;        // instead: there are many, and warps share them
    bool lone_rows_in_order = false;      // with the prompt's bits instead, block after block of keys
    MatrixPlan qkv, output, lm_head, experts;

    bool operator==(const ExecutionPlan&) const = default;
};

// Check()s that step.tokens > 0. Reads nothing but its arguments.
ExecutionPlan make_plan(const StepSize& step, const DeviceTraits& device, const PlanOptions& options);
// Each pass's part of it, whatever the number of tokens.
ExecutionPlan make_decode_plan(const StepSize& step, const DeviceTraits& device, const PlanOptions& options);
ExecutionPlan make_batched_plan(const StepSize& step, const DeviceTraits& device, const PlanOptions& options);
// With KernelChoice::batch_invariant every step is a batched pass of kernels that do not depend on how many tokens
// there are. Throws Error(setting_invalid) when this model or card has none; Error(device_failed) when `qualify`
// banned them.
void require_batch_invariance(const DeviceTraits& device, const PlanOptions& options);
// Whether the batched pass can compute a model of this shape: its products want columns in whole 64s, as the
// published models have them. Others compute prompts in decode steps.
bool takes_batched_pass(const model::Hyperparameters& shape);

// The parts of it that kernels' tests and benchmarks ask for one by one.
MatrixPlan plan_dense(std::int32_t tokens, std::int32_t weight_rows, const DeviceTraits& device);
MatrixPlan plan_experts(std::int32_t tokens, const DeviceTraits& device, const PlanOptions& options);
// The plan of a product with a given kernel. `experts` 1 = dense.
MatrixPlan plan_with(MatrixKernel kernel, std::int32_t tokens, std::int32_t weight_rows, std::int32_t experts,
                     const DeviceTraits& device);
// Whether kMinKvClusterParts to kMaxKvClusterParts parts of a row's keys are a cluster of blocks.
bool takes_kv_clusters(std::int32_t tokens, const DeviceTraits& device);
KvPlan plan_kv(std::int32_t tokens, std::int32_t context, const DeviceTraits& device, std::int32_t kv_heads);
std::int32_t plan_lone_row_kv_splits(const StepSize& step, const DeviceTraits& device, std::int32_t kv_heads);

// The kernels that a card has for a model of this shape, by the names of backend/kernel_choice.h:
// "pass/decode", "pass/batched", "dense/KERNEL", "experts/KERNEL", "attention/wgmma", "attention/mma".
std::vector<std::string> kernel_names(const DeviceTraits& device, const PlanOptions& options);

// Whether a streamed kernel can hold `columns` columns of a tile's tokens beside its rings on this card.
bool streamed_fits(MatrixKernel kernel, std::int32_t columns, const DeviceTraits& device);
// Numbers of the matrix that wgmma_unpacked writes: whole tiles of sixteen rows.
constexpr std::int64_t unpacked_count(std::int32_t weight_rows, std::int32_t columns) {
    return (std::int64_t{weight_rows} + 15) / 16 * 16 * columns;
}
// Shared memory of a streamed kernel; gemm.cu asserts that its kernels take exactly this.
std::int32_t streamed_shared_bytes(MatrixKernel kernel, std::int32_t columns, std::int32_t tile_tokens);
// The same of row_streamed, 8 or 16 tokens.
std::int32_t row_streamed_shared_bytes(std::int32_t columns, std::int32_t tile_tokens);

// One line, as `plan --kernels` prints it.
std::string to_line(const ExecutionPlan& plan);
// What a step of so many sequences with so many new tokens each runs, without what no row of it uses.
std::string line_of_step(std::int32_t sequences, std::int32_t tokens, std::int32_t depth,
                         const DeviceTraits& device, const PlanOptions& options);

// Cards by name, for plans without a card: a100, a6000, l40s, h100, h200, b200, rtx-pro-6000. Throws
// Error(setting_invalid) for another name and says which there are.
DeviceTraits card_named(const std::string& name);

// A table of to_line() over numbers of tokens at one context: what `plan --kernels` prints.
std::string kernel_table(const DeviceTraits& device, const PlanOptions& options, std::int32_t context);

}  // namespace gptoss::backend::cuda
