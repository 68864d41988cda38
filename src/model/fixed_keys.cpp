#include "model/fixed_keys.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace gptoss::model {
namespace {

// Read by read_hyperparameters(), or without a meaning for the arithmetic: the width of a feed-forward layer
// that gpt-oss does not have, and notes of converters.
constexpr std::string_view kElsewhere[] = {"block_count",
                                           "embedding_length",
                                           "attention.head_count",
                                           "attention.head_count_kv",
                                           "attention.key_length",
                                           "attention.value_length",
                                           "expert_count",
                                           "expert_used_count",
                                           "expert_feed_forward_length",
                                           "attention.sliding_window",
                                           "context_length",
                                           "rope.freq_base",
                                           "attention.layer_norm_rms_epsilon",
                                           "rope.scaling.type",
                                           "rope.scaling.factor",
                                           "rope.scaling.original_context_length",
                                           "rope.scaling.attn_factor",
                                           "feed_forward_length",
                                           "rope.scaling.finetuned",
                                           "pooling_type"};

// A number that must be one of two: the value computed with, and what stands for "not used".
struct FixedNumber {
    std::string_view name;
    double value, unused;
};

constexpr FixedNumber kNumbers[] = {
    {"attention.causal", 1, 1},
    {"attention.scale", 0.125, 0},  // 1 / sqrt(64)
    {"attention.key_length_swa", 64, 64},
    {"attention.value_length_swa", 64, 64},
    {"attention.max_alibi_bias", 0, 0},
    {"attention.clamp_kqv", 0, 0},
    {"attention.output_scale", 1, 0},
    {"attention.value_scale", 1, 0},
    {"attention.temperature_length", 0, 0},
    {"attention.temperature_scale", 0, 0},
    {"attention.shared_kv_layers", 0, 0},
    {"attn_logit_softcapping", 0, 0},
    {"router_logit_softcapping", 0, 0},
    {"final_logit_softcapping", 0, 0},
    {"logit_scale", 1, 0},
    {"residual_scale", 1, 0},
    {"embedding_scale", 1, 0},
    {"rope.dimension_count", 64, 64},
    {"rope.dimension_count_swa", 64, 64},
    {"rope.scale_linear", 1, 0},
    {"rope.scaling.alpha", 0, 0},
    {"rope.scaling.yarn_log_multiplier", 0, 0},
    {"rope.scaling.yarn_ext_factor", 1, -1},
    {"rope.scaling.yarn_attn_factor", 1, -1},
    {"rope.scaling.yarn_beta_fast", 32, 32},
    {"rope.scaling.yarn_beta_slow", 1, 1},
    {"expert_shared_count", 0, 0},
    {"expert_weights_scale", 1, 0},
    {"expert_weights_norm", 0, 1},  // four weights out of a softmax over the four: their sum is 1 either way
    {"expert_gating_func", 3, 3},   // softmax over the chosen experts
    {"expert_group_count", 0, 1},
    {"expert_group_used_count", 0, 1},
    {"leading_dense_block_count", 0, 0},
    {"interleave_moe_layer_step", 1, 0},
    {"moe_every_n_layers", 1, 0},
    {"nextn_predict_layers", 0, 0},
    {"use_parallel_residual", 0, 0},
    {"swiglu_clamp_exp", Hyperparameters::kSwigluLimit, Hyperparameters::kSwigluLimit},
};

[[noreturn]] void refuse(std::string_view name, const std::string& what) {
    const std::string key = std::string(kKeyPrefix) + std::string(name);
    throw Error(ErrorCode::file_unsupported, "the metadata key " + key + " " + what,
                "The file was made for another program, or for a variant of gpt-oss that this node does not "
                "compute. Use a GGUF of the published model, such as ggml-org's.",
                {{"key", key}});
}

struct ToNumbers {
    using Numbers = std::optional<std::vector<double>>;
    Numbers operator()(bool value) const { return {{value ? 1.0 : 0.0}}; }
    Numbers operator()(std::uint64_t value) const { return {{static_cast<double>(value)}}; }
    Numbers operator()(std::int64_t value) const { return {{static_cast<double>(value)}}; }
    Numbers operator()(double value) const { return {{value}}; }
    Numbers operator()(const std::string&) const { return std::nullopt; }
    Numbers operator()(const std::vector<std::string>&) const { return std::nullopt; }
    template <typename T>
    Numbers operator()(const std::vector<T>& values) const {
        return std::vector<double>(values.begin(), values.end());
    }
};

std::string shortest(double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text.ends_with('.') ? text + "0" : text;
}

// Even layers slide: a period of 2, or what follows from it layer by layer.
bool is_our_pattern(const gguf::Value& value, const std::vector<double>& numbers,
                    const Hyperparameters& shape) {
    if (std::holds_alternative<std::uint64_t>(value) || std::holds_alternative<std::int64_t>(value))
        return numbers[0] == 2;
    if (numbers.size() != static_cast<std::size_t>(shape.layers)) return false;
    for (std::int32_t layer = 0; layer < shape.layers; ++layer)
        if (numbers[static_cast<std::size_t>(layer)] != (shape.slides(layer) ? 1 : 0)) return false;
    return true;
}

void check_key(std::string_view name, const gguf::Value& value, const Hyperparameters& shape) {
    if (std::ranges::find(kElsewhere, name) != std::end(kElsewhere)) return;
    const auto numbers = std::visit(ToNumbers{}, value);
    if (name == "attention.sliding_window_pattern") {
        if (!numbers || numbers->empty() || !is_our_pattern(value, *numbers, shape))
            refuse(name, "is not the pattern of gpt-oss, in which the layers 0, 2, 4, ... slide");
        return;
    }
    FixedNumber fixed{};
    if (name == "rope.freq_base_swa")
        fixed = {name, shape.rope_base, shape.rope_base};
    else if (name == "vocab_size")
        fixed = {name, static_cast<double>(shape.vocabulary), static_cast<double>(shape.vocabulary)};
    else if (name == "embedding_length_out")
        fixed = {name, static_cast<double>(shape.hidden), static_cast<double>(shape.hidden)};
    else if (const auto known = std::ranges::find(kNumbers, name, &FixedNumber::name);
             known != std::end(kNumbers))
        fixed = *known;
    else
        refuse(name, "is not known to this node and may change what the model computes");
    if (!numbers) refuse(name, "should be a number");
    for (const double number : *numbers)
        // Stored as float32: 0.1 and 0.1F are the same wish.
        if (!(std::fabs(number - fixed.value) <= 1e-6 * std::fabs(fixed.value)) && number != fixed.unused)
            refuse(name, "is " + shortest(number) + "; this node computes with " + shortest(fixed.value));
}

}  // namespace

void check_fixed_keys(const gguf::Metadata& metadata, const Hyperparameters& shape) {
    for (const auto& [key, value] : metadata.all())
        if (key.starts_with(kKeyPrefix))
            check_key(std::string_view(key).substr(kKeyPrefix.size()), value, shape);
}

}  // namespace gptoss::model
