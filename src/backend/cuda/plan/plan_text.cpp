// Plans as text, and cards by name: what `plan --kernels` prints without a card.
#include <algorithm>
#include <array>
#include <utility>

#include "backend/cuda/plan/execution_plan.h"
#include "base/error.h"

namespace gptoss::backend::cuda {
namespace {

std::string text_of(const MatrixPlan& plan) {
    return std::string(name_of(plan.kernel)) + " " + std::to_string(plan.tile_weight_rows) + "x" +
           std::to_string(plan.tile_tokens) +
           (plan.column_shares > 1 ? "/" + std::to_string(plan.column_shares) : "") +
           (is_streamed(plan.kernel) && plan.one_chain ? " one chain" : "");
}

}  // namespace

std::string to_line(const ExecutionPlan& plan) {
    if (plan.pass == Pass::decode)
        return "decode, " + std::to_string(plan.tokens_per_step) + " a step, " +
               std::to_string(plan.token_columns) + " columns, gate/up " +
               (plan.single_token ? "for one token" : "grouped") + ", KV splits " +
               std::to_string(plan.kv.splits) + (plan.kv.streamed ? " streamed" : "") +
               (plan.kv_clusters && is_kv_cluster(plan.kv.splits) ? " in a cluster" : "") +
               (plan.whole_tiles ? ", whole tiles" : "");
    return "batched, qkv " + text_of(plan.qkv) + ", output " + text_of(plan.output) + ", experts " +
           text_of(plan.experts) + ", router " + (plan.routes_in_order ? "in order" : "mma") +
           ", prompt attention " + (plan.attention_uses_wgmma ? "wgmma" : "mma") +
           (plan.lone_rows_in_order ? ", lone rows in order"
            : plan.shares_lone_rows ? ", lone rows shared"
                                    : ", lone rows' KV splits " + std::to_string(plan.lone_row_kv_splits)) +
           ", lm_head " + (plan.lm_head.tile_tokens > 0 ? text_of(plan.lm_head) : "none");
}

std::string line_of_step(std::int32_t sequences, std::int32_t tokens, std::int32_t depth,
                         const DeviceTraits& device, const PlanOptions& options) {
    const std::int32_t rows = sequences * tokens, lone = tokens == 1 ? rows : 0;
    ExecutionPlan plan = make_plan({rows, depth + tokens, sequences, lone}, device, options);
    if (lone == rows) plan.attention_uses_wgmma = false;
    return to_line(plan);
}

DeviceTraits card_named(const std::string& name) {
    static const std::array<std::pair<const char*, DeviceTraits>, 7> kCards = {{
        {"a100", {8, 0, 108, 163 * 1024}},
        {"a6000", {8, 6, 84, 99 * 1024}},
        {"l40s", {8, 9, 142, 99 * 1024}},
        {"h100", {9, 0, 132, 227 * 1024}},
        {"h200", {9, 0, 132, 227 * 1024}},
        {"b200", {10, 0, 148, 227 * 1024}},
        {"rtx-pro-6000", {12, 0, 188, 99 * 1024}},
    }};
    std::string known;
    for (const auto& [card, traits] : kCards) {
        if (name == card) return traits;
        known += (known.empty() ? "" : ", ") + std::string(card);
    }
    throw Error(ErrorCode::setting_invalid, "no card is called \"" + name + "\"", "Known cards: " + known);
}

std::string kernel_table(const DeviceTraits& device, const PlanOptions& options, std::int32_t context) {
    std::string table;
    for (const std::int32_t tokens :
         {1, 2, 4, 5, 8, 9, 16, 40, 64, 128, 129, 256, 257, 512, 513, 2048, 8192}) {
        // Up to 512 tokens are taken for one token each of many sequences, more for a prompt.
        const std::int32_t lone_rows = tokens <= 512 ? tokens : 0;
        const StepSize step{tokens, std::max(context, lone_rows > 0 ? 1 : tokens), lone_rows > 0 ? tokens : 1,
                            lone_rows};
        std::string count = std::to_string(tokens);
        count.insert(0, 5 - std::min<std::size_t>(count.size(), 5), ' ');
        table += count + "  " + to_line(make_plan(step, device, options)) + "\n";
    }
    return table;
}

}  // namespace gptoss::backend::cuda
