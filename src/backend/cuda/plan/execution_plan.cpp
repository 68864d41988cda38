#include "backend/cuda/plan/execution_plan.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "backend/cuda/plan/decode_tokens.h"
#include "backend/cuda/plan/dense_tile.h"
#include "backend/cuda/plan/few_rows_tile.h"
#include "backend/cuda/plan/lone_row_shares.h"
#include "backend/cuda/plan/published_widths.h"
#include "base/check.h"
#include "base/error.h"

namespace gptoss::backend::cuda {
namespace {

// Of the tiled kernels (hidden and intermediate size are multiples of it, though not of 128) and of those that stream.
constexpr std::int32_t kTileWeightRows = 192, kStreamedWeightRows = 16;

// Up to so many tokens an expert, on average, the experts' weights are streamed: memory is the bound, and tiles would read
// an expert once more for every 16 of them. Tiles with wgmma are as fast from here on, those with mma from four times as
// many on, or twice as many where a streamed tile has not 16 tokens (docs/experiments.md).
constexpr std::int32_t kStreamedTokensPerExpert = 8, kStreamedTokensWithoutWgmma = 32,
                       kSmallTileTokensWithoutWgmma = 16;
// Up to so many on average, hardly an expert has more tokens than a small tile of wgmma.
constexpr std::int32_t kFewTokensPerExpert = 16;
// The same of tiles of eight tokens, where they are streamed whole.
constexpr std::int32_t kVeryFewTokensPerExpert = 4;
// Fewer lone rows: the next kernel begins on SMs that are done with theirs, and that is worth more.
constexpr std::int32_t kManyLoneRows = 64;
constexpr std::int32_t kRoutedInOrderTokens = 768;
// From so many tokens on, unpacking a dense matrix into memory once costs less than unpacking it in every tile.
constexpr std::int32_t kUnpackedTokens = 768;
// Up to so many, dense products are bound by memory on cards that have no better tiles than those of mma.
constexpr std::int32_t kColumnStreamedTokens = 64;

std::int32_t streamed_tile_tokens(MatrixKernel kernel, const DeviceTraits& device) {
    if (kernel == MatrixKernel::streamed_tiles) return kTileStreamTokens;
    if (kernel == MatrixKernel::streamed_tiles_small) return 8;
    for (const std::int32_t tokens : {16, 8})
        if (streamed_shared_bytes(kernel, kPublishedColumns, tokens) <= device.shared_bytes_per_block)
            return tokens;
    return 6;
}

std::int32_t most_streamed_tokens_per_expert(MatrixKernel kernel, const DeviceTraits& device) {
    if (device.has_wgmma()) return kStreamedTokensPerExpert;
    return is_streamed_in_tiles(kernel) || streamed_tile_tokens(kernel, device) == 16
               ? kStreamedTokensWithoutWgmma
               : kSmallTileTokensWithoutWgmma;
}

// A dense product.
struct DenseShape {
    std::int32_t rows = 0, columns = 0;
    bool is_q8_0 = false;
    std::int64_t unpacked_room = 0;
};
DenseShape query_key_value_of(const PlanOptions& options) {
    const model::Hyperparameters& shape = options.shape;
    return {shape.query_width() + 2 * shape.kv_width(), shape.hidden, options.dense_is_q8_0,
            options.unpacked_room};
}
DenseShape output_of(const PlanOptions& options) {
    return {options.shape.hidden, options.shape.query_width(), options.dense_is_q8_0, options.unpacked_room};
}

bool is_able_dense(MatrixKernel kernel, std::int32_t tokens, const DenseShape& dense,
                   const DeviceTraits& device) {
    if (is_streamed(kernel)) return false;
    if (kernel == MatrixKernel::column_streamed)
        return dense.is_q8_0 && dense.rows % kColumnStreamRows == 0 &&
               dense.columns <= kColumnStreamColumns && tokens <= kColumnStreamedTokens;
    if (kernel == MatrixKernel::row_streamed)
        return dense.is_q8_0 && dense.rows % kRowStreamRows == 0 && tokens <= kRowStreamTokens &&
               row_streamed_shared_bytes(dense.columns, kRowStreamTokens) <= device.shared_bytes_per_block;
    if (kernel == MatrixKernel::wgmma_unpacked &&
        unpacked_count(dense.rows, dense.columns) > dense.unpacked_room)
        return false;
    if (kernel == MatrixKernel::wgmma_cluster && tokens > 4 * kClusterTileTokens) return false;
    return kernel == MatrixKernel::mma || device.has_wgmma();
}

bool is_able_for_experts(MatrixKernel kernel, std::int32_t tokens, const DeviceTraits& device,
                         const PlanOptions& options) {
    const model::Hyperparameters& shape = options.shape;
    if (kernel == MatrixKernel::row_streamed || kernel == MatrixKernel::column_streamed) return false;
    if (!is_streamed(kernel))
        return kernel == MatrixKernel::mma || (kernel == MatrixKernel::wgmma && device.has_wgmma());
    if (kernel == MatrixKernel::streamed_tiles && device.compute_major != 9) return false;
    if (is_streamed_in_tiles(kernel) &&
        (device.compute_major < 9 || options.kernels.batch_invariant || shape.hidden != kPublishedColumns ||
         shape.intermediate_size != kPublishedColumns))
        return false;
    return options.experts_are_mxfp4 && 2 * shape.intermediate_size % kStreamedWeightRows == 0 &&
           shape.hidden % kStreamedWeightRows == 0 &&
           tokens * kExpertsPerToken <= shape.experts * most_streamed_tokens_per_expert(kernel, device) &&
           streamed_fits(kernel, std::max(shape.hidden, shape.intermediate_size), device);
}

constexpr std::array kMatrixKernels = {MatrixKernel::streamed_tiles,
                                       MatrixKernel::streamed,
                                       MatrixKernel::streamed_tiles_small,
                                       MatrixKernel::streamed_small,
                                       MatrixKernel::wgmma_cluster,
                                       MatrixKernel::wgmma,
                                       MatrixKernel::mma,
                                       MatrixKernel::row_streamed,
                                       MatrixKernel::column_streamed,
                                       MatrixKernel::wgmma_unpacked};

// What `qualify` found fastest for so many tokens; nothing where the number of tokens must not matter.
std::string_view preferred_for(const KernelChoice& choice, std::string_view operation, std::int32_t tokens) {
    return choice.batch_invariant ? std::string_view{} : choice.preferred_kernel(operation, tokens);
}

[[noreturn]] void refuse_operation(const std::string& operation) {
    throw Error(
        ErrorCode::device_failed,
        "every kernel of \"" + operation + "\" was found to compute wrong on this card",
        "Run `gpt-oss-node qualify` again after a change of driver; --device cpu computes without the card.");
}

// The kernel that `qualify` preferred here, else the usual one, else one that it did not ban.
template <typename IsAble>
MatrixKernel chosen(const KernelChoice& choice, const std::string& operation, std::int32_t tokens,
                    MatrixKernel usual, IsAble is_able) {
    if (choice == KernelChoice{}) return usual;
    const auto may = [&](MatrixKernel kernel) {
        return !choice.bans(operation + "/" + name_of(kernel)) && is_able(kernel) &&
               !(choice.batch_invariant && shares_columns(kernel));
    };
    // The first preference that can be followed: a kernel may be preferred for more tokens than it can compute.
    if (!choice.batch_invariant)
        for (const KernelPreference& preference : choice.preferred)
            for (const MatrixKernel kernel : kMatrixKernels)
                if (preference.kernel == operation + "/" + name_of(kernel) &&
                    tokens >= preference.tokens_from && tokens <= preference.tokens_to && may(kernel))
                    return kernel;
    if (may(usual)) return usual;
    for (const MatrixKernel kernel : kMatrixKernels)
        if (may(kernel)) return kernel;
    refuse_operation(operation);
}

// Both kernels give the same bits (attention_softmax.cuh).
bool takes_wgmma_attention(const DeviceTraits& device, const PlanOptions& options, std::int32_t tokens) {
    const KernelChoice& choice = options.kernels;
    const bool may_wgmma = device.has_wgmma() && !choice.bans("attention/wgmma");
    const bool may_mma = !choice.bans("attention/mma");
    if (!may_mma && (!may_wgmma || options.kv_types.has(model::KvType::f8)))
        refuse_operation(may_wgmma ? "attention over 8-bit keys" : "attention");
    return may_wgmma && !(may_mma && choice.preferred_kernel("attention", tokens) == "mma");
}

// `usual` unless `qualify` found otherwise.
Pass chosen_pass(Pass usual, std::int32_t tokens, const PlanOptions& options) {
    const KernelChoice& choice = options.kernels;
    const std::string_view preferred = preferred_for(choice, "pass", tokens);
    const bool can_batch = takes_batched_pass(options.shape);
    Pass pass = preferred == "decode"                 ? Pass::decode
                : preferred == "batched" && can_batch ? Pass::batched
                                                      : usual;
    if (pass == Pass::batched && choice.bans("pass/batched")) pass = Pass::decode;
    if (pass == Pass::decode && choice.bans("pass/decode")) pass = Pass::batched;
    if (pass == Pass::batched && (!can_batch || choice.bans("pass/batched")))
        throw Error(ErrorCode::device_failed, "both passes were found to compute wrong on this card",
                    "Run `gpt-oss-node qualify` again after a change of driver; --device cpu computes "
                    "without the card.");
    return pass;
}

// The published widths and types, where the copy engine and room for the tiles are: the output matrix's tiles of a block,
// three, must all fit into its ring. Not measured on cards after Hopper.
bool takes_whole_tiles(const DeviceTraits& device, const PlanOptions& options) {
    const model::Hyperparameters& shape = options.shape;
    return device.compute_major == 9 && tokens_per_decode_step(device, options) == kMaxDecodeTokens &&
           shape.hidden == kPublishedColumns && shape.intermediate_size == kPublishedColumns &&
           shape.query_width() == kPublishedQueryWidth && options.dense_is_q8_0 &&
           options.experts_are_mxfp4 && device.sm_count * 3 * 8 >= shape.hidden;
}

}  // namespace

std::vector<std::string> kernel_names(const DeviceTraits& device, const PlanOptions& options) {
    std::vector<std::string> names = {"pass/decode"};
    if (!takes_batched_pass(options.shape)) return names;
    names.emplace_back("pass/batched");
    for (const MatrixKernel kernel : kMatrixKernels) {
        if (is_able_dense(kernel, 1, output_of(options), device))
            names.push_back(std::string("dense/") + name_of(kernel));
        if (is_able_for_experts(kernel, 1, device, options))
            names.push_back(std::string("experts/") + name_of(kernel));
    }
    if (device.has_wgmma()) names.emplace_back("attention/wgmma");
    names.emplace_back("attention/mma");
    return names;
}

const char* name_of(MatrixKernel kernel) {
    constexpr std::array<const char*, 10> kNames = {"mma",
                                                    "wgmma",
                                                    "wgmma_cluster",
                                                    "wgmma_unpacked",
                                                    "streamed",
                                                    "streamed_small",
                                                    "streamed_tiles",
                                                    "row_streamed",
                                                    "column_streamed",
                                                    "streamed_tiles_small"};
    return kNames[static_cast<std::size_t>(kernel)];
}

bool streamed_fits(MatrixKernel kernel, std::int32_t columns, const DeviceTraits& device) {
    return streamed_shared_bytes(kernel, columns, streamed_tile_tokens(kernel, device)) <=
           device.shared_bytes_per_block;
}

MatrixPlan plan_dense(std::int32_t tokens, std::int32_t weight_rows, const DeviceTraits& device) {
    // Few tokens make few tiles: then several SMs share one. (The head has tiles for every SM as it is.)
    // Not for more: the columns of prompts stay one chain (docs/numerics.md).
    const MatrixPlan shared = plan_with(MatrixKernel::wgmma_cluster, tokens, weight_rows, 1, device);
    if (device.has_wgmma() && tokens <= 2 * kClusterTileTokens && shared.column_shares > 1) return shared;
    return plan_with(device.has_wgmma() ? MatrixKernel::wgmma : MatrixKernel::mma, tokens, weight_rows, 1,
                     device);
}

MatrixPlan plan_with(MatrixKernel kernel, std::int32_t tokens, std::int32_t weight_rows, std::int32_t experts,
                     const DeviceTraits& device) {
    MatrixPlan plan;
    plan.kernel = kernel;
    plan.one_chain = !shares_columns(kernel) && !is_streamed(kernel);
    plan.tile_weight_rows = is_streamed(kernel)                       ? kStreamedWeightRows
                            : kernel == MatrixKernel::row_streamed    ? kRowStreamRows
                            : kernel == MatrixKernel::column_streamed ? kColumnStreamRows
                                                                      : kTileWeightRows;
    const std::int32_t row_tiles =
        (weight_rows / experts + plan.tile_weight_rows - 1) / plan.tile_weight_rows;
    const bool few_each =
        kernel == MatrixKernel::wgmma && tokens * kExpertsPerToken <= kFewTokensPerExpert * experts;
    plan.tile_tokens = is_streamed(kernel)                    ? streamed_tile_tokens(kernel, device)
                       : kernel == MatrixKernel::row_streamed ? (tokens + 7) / 8 * 8
                       : kernel == MatrixKernel::column_streamed
                           ? std::min((tokens + 7) / 8 * 8, kColumnStreamTokens)
                       : experts > 1 ? few_each ? kFewTileTokens : kMaxTileTokens
                                     : dense_tile_tokens(tokens, row_tiles, device);
    if (kernel == MatrixKernel::streamed_tiles &&
        tokens * kExpertsPerToken <= kVeryFewTokensPerExpert * experts)
        plan.tile_tokens = 8;
    if (kernel == MatrixKernel::wgmma_unpacked)
        std::tie(plan.tile_weight_rows, plan.tile_tokens) = unpacked_tile(tokens, weight_rows, device);
    if (kernel == MatrixKernel::mma && experts == 1 && tokens <= kTokensOfFewWeightRows &&
        row_tiles < device.sm_count) {
        plan.tile_weight_rows = kFewWeightRows;
        plan.tile_tokens = (tokens + 15) / 16 * 16;
    }
    if (kernel == MatrixKernel::wgmma_cluster) {
        // Larger tiles read weights less often.
        const std::int32_t most = tokens <= kClusterTileTokens ? kClusterTileTokens : kMaxTileTokens;
        const std::int32_t token_tiles = (tokens + most - 1) / most;
        plan.tile_tokens = ((tokens + token_tiles - 1) / token_tiles + 15) / 16 * 16;
        plan.column_shares = std::clamp(device.sm_count / (row_tiles * token_tiles), 1, kMaxColumnShares);
    }
    return plan;
}

MatrixPlan plan_experts(std::int32_t tokens, const DeviceTraits& device, const PlanOptions& options) {
    const model::Hyperparameters& shape = options.shape;
    const auto is_able = [&](MatrixKernel kernel) {
        return is_able_for_experts(kernel, tokens, device, options);
    };
    MatrixKernel usual = device.has_wgmma() ? MatrixKernel::wgmma : MatrixKernel::mma;
    // The best of the streamed kernels that the card has room for at all, where it holds this shape's columns.
    for (const MatrixKernel kernel : {MatrixKernel::streamed_tiles, MatrixKernel::streamed,
                                      MatrixKernel::streamed_tiles_small, MatrixKernel::streamed_small}) {
        if (!streamed_fits(kernel, kPublishedColumns, device)) continue;
        if (is_able(kernel)) usual = kernel;
        if (is_able(kernel) || !is_streamed_in_tiles(kernel)) break;
    }
    MatrixPlan plan = plan_with(chosen(options.kernels, "experts", tokens, usual, is_able), tokens,
                                2 * shape.intermediate_size * shape.experts, shape.experts, device);
    plan.one_chain = plan.one_chain || options.kernels.batch_invariant;
    return plan;
}

ExecutionPlan make_plan(const StepSize& step, const DeviceTraits& device, const PlanOptions& options) {
    check(step.tokens > 0, "a step has tokens");
    const bool batched =
        takes_batched_pass(options.shape) &&
        (options.kernels.batch_invariant || step.tokens > most_decode_tokens(device, options));
    return chosen_pass(batched ? Pass::batched : Pass::decode, step.tokens, options) == Pass::batched
               ? make_batched_plan(step, device, options)
               : make_decode_plan(step, device, options);
}

ExecutionPlan make_decode_plan(const StepSize& step, const DeviceTraits& device, const PlanOptions& options) {
    check(step.tokens > 0, "a step has tokens");
    ExecutionPlan plan;
    plan.tokens_per_step = tokens_per_decode_step(device, options);
    const std::int32_t tokens = std::min(step.tokens, plan.tokens_per_step);
    plan.token_columns = tokens <= 4 ? 4 : 8;
    plan.single_token = tokens == 1;
    plan.kv = plan_kv(tokens, step.context, device, options.shape.kv_heads);
    plan.kv_clusters = takes_kv_clusters(tokens, device);
    plan.whole_tiles = takes_whole_tiles(device, options);
    return plan;
}

ExecutionPlan make_batched_plan(const StepSize& step, const DeviceTraits& device,
                                const PlanOptions& options) {
    check(step.tokens > 0, "a step has tokens");
    const model::Hyperparameters& shape = options.shape;
    ExecutionPlan plan;
    plan.pass = Pass::batched;
    plan.routes_in_order = options.kernels.batch_invariant || step.tokens <= kRoutedInOrderTokens;
    plan.attention_uses_wgmma = takes_wgmma_attention(device, options, step.tokens);
    plan.lone_rows_in_order = options.kernels.batch_invariant;
    plan.shares_lone_rows = !plan.lone_rows_in_order && step.lone_rows >= kManyLoneRows;
    if (!plan.lone_rows_in_order && !plan.shares_lone_rows)
        plan.lone_row_kv_splits = plan_lone_row_kv_splits(step, device, shape.kv_heads);
    const auto dense = [&](std::int32_t tokens, const DenseShape& matrix) {
        const auto is_able = [&](MatrixKernel each) { return is_able_dense(each, tokens, matrix, device); };
        MatrixPlan usual = plan_dense(tokens, matrix.rows, device);
        // Where columns may not be shared, rows are: too few tiles for all SMs otherwise. Few tokens' head streams faster so.
        if (options.kernels.batch_invariant && is_able(MatrixKernel::row_streamed) &&
            (usual.kernel != MatrixKernel::wgmma || tokens <= kRowStreamTokens / 2))
            usual = plan_with(MatrixKernel::row_streamed, tokens, matrix.rows, 1, device);
        if (!options.kernels.batch_invariant && usual.kernel == MatrixKernel::mma &&
            is_able(MatrixKernel::column_streamed))
            usual = plan_with(MatrixKernel::column_streamed, tokens, matrix.rows, 1, device);
        // Of more rows, prompts' columns stay one chain (plan_dense()), those of generating rows need not.
        if (!options.kernels.batch_invariant && usual.kernel == MatrixKernel::wgmma &&
            step.lone_rows >= kManyLoneRows && is_able(MatrixKernel::wgmma_cluster)) {
            const MatrixPlan shared = plan_with(MatrixKernel::wgmma_cluster, tokens, matrix.rows, 1, device);
            if (shared.column_shares > 1) usual = shared;
        }
        if (tokens >= kUnpackedTokens && is_able(MatrixKernel::wgmma_unpacked))
            usual = plan_with(MatrixKernel::wgmma_unpacked, tokens, matrix.rows, 1, device);
        const MatrixKernel kernel = chosen(options.kernels, "dense", tokens, usual.kernel, is_able);
        return kernel == usual.kernel ? usual : plan_with(kernel, tokens, matrix.rows, 1, device);
    };
    plan.qkv = dense(step.tokens, query_key_value_of(options));
    plan.output = dense(step.tokens, output_of(options));
    plan.experts = plan_experts(step.tokens, device, options);
    plan.products_choose_experts = options.kernels.batch_invariant && step.tokens <= kFewRows &&
                                   plan.experts.kernel == MatrixKernel::streamed && device.compute_major >= 9;
    const DenseShape head{shape.vocabulary, shape.hidden, plan.lone_rows_in_order && options.head_is_q8_0};
    if (step.logits_rows > 0) plan.lm_head = dense(step.logits_rows, head);
    return plan;
}

void require_batch_invariance(const DeviceTraits& device, const PlanOptions& options) {
    if (!takes_batched_pass(options.shape))
        throw Error(ErrorCode::setting_invalid,
                    "DETERMINISM=on needs hidden and intermediate sizes in whole 64s; this model has " +
                        std::to_string(options.shape.hidden) + " and " +
                        std::to_string(options.shape.intermediate_size),
                    "Leave it off, or set GPTOSS_DEVICE=cpu.", {{"setting", "DETERMINISM"}});
    // Of a token and of a long prompt: throws where there are no such kernels.
    const bool batched = make_plan({1, 1, 1, 1}, device, options).pass == Pass::batched &&
                         make_plan({1 << 16, 1 << 16, 1}, device, options).pass == Pass::batched;
    if (!batched)
        throw Error(ErrorCode::device_failed,
                    "DETERMINISM=on needs the batched pass, which was found to compute wrong on this card",
                    "Run `gpt-oss-node qualify` again after a change of driver, or leave it off.");
}

bool takes_batched_pass(const model::Hyperparameters& shape) {
    return shape.hidden % 64 == 0 && shape.intermediate_size % 64 == 0;
}

}  // namespace gptoss::backend::cuda
