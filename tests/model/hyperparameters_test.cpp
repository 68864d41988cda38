#include "model/hyperparameters.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/rope.h"

namespace gptoss::model {
namespace {

gguf::Metadata good() {
    gguf::Metadata metadata;
    metadata.set("general.architecture", std::string("gpt-oss"));
    const auto put = [&](const char* key, std::uint64_t value) {
        metadata.set(std::string("gpt-oss.") + key, value);
    };
    put("block_count", 36), put("embedding_length", 2880), put("attention.head_count", 64);
    put("attention.head_count_kv", 8), put("attention.key_length", 64), put("attention.value_length", 64);
    put("expert_count", 128), put("expert_used_count", 4), put("expert_feed_forward_length", 2880);
    put("attention.sliding_window", 128), put("context_length", 131072);
    put("rope.scaling.original_context_length", 4096);
    metadata.set("gpt-oss.rope.freq_base", 150000.0);
    metadata.set("gpt-oss.rope.scaling.factor", 32.0);
    metadata.set("gpt-oss.rope.scaling.type", std::string("yarn"));
    metadata.set("gpt-oss.attention.layer_norm_rms_epsilon", 1e-5);
    return metadata;
}

ErrorCode refusal(const gguf::Metadata& metadata, const std::string& named) {
    try {
        read_hyperparameters(metadata, 201088);
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
        return error.code();
    }
    ADD_FAILURE() << "accepted without " << named;
    return ErrorCode::cancelled;
}

TEST(Hyperparameters, The120bsMetadataGivesThe120b) {
    EXPECT_EQ(read_hyperparameters(good(), 201088), gpt_oss_120b());
}

TEST(Hyperparameters, EveryRequiredKeyIsMissed) {
    const gguf::Metadata complete = good();
    for (const auto& [key, value] : complete.all()) {
        if (key == "gpt-oss.attention.value_length") continue;  // optional: key_length decides
        gguf::Metadata without;
        for (const auto& [other, kept] : complete.all())
            if (other != key) without.set(other, kept);
        EXPECT_EQ(refusal(without, key), ErrorCode::key_missing);
    }
}

TEST(Hyperparameters, ImpossibleValuesAreRefused) {
    for (const auto& [key, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
             {"gpt-oss.block_count", 0},
             {"gpt-oss.embedding_length", 2881},
             {"gpt-oss.attention.head_count", 63},
             {"gpt-oss.attention.key_length", 45},
             {"gpt-oss.expert_used_count", 200},
             {"gpt-oss.block_count", std::uint64_t{1} << 40}}) {
        gguf::Metadata metadata = good();
        metadata.set(key, value);
        EXPECT_EQ(refusal(metadata, key), ErrorCode::key_invalid);
    }
    gguf::Metadata other = good();
    other.set("general.architecture", std::string("llama"));
    EXPECT_EQ(refusal(other, "llama"), ErrorCode::file_unsupported);
    gguf::Metadata rope = good();
    rope.set("gpt-oss.rope.scaling.type", std::string("linear"));
    EXPECT_EQ(refusal(rope, "rope.scaling.type"), ErrorCode::key_invalid);
}

TEST(Hyperparameters, CountsMayBeWrittenForEveryLayer) {
    gguf::Metadata metadata = good();
    for (const auto& [key, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
             {"gpt-oss.attention.head_count", 64},
             {"gpt-oss.attention.head_count_kv", 8},
             {"gpt-oss.expert_used_count", 4},
             {"gpt-oss.expert_feed_forward_length", 2880},
             {"gpt-oss.feed_forward_length", 2880}})
        metadata.set(key, std::vector<std::uint64_t>(36, value));
    EXPECT_EQ(read_hyperparameters(metadata, 201088), gpt_oss_120b());
    for (const std::vector<std::uint64_t>& wrong :
         {std::vector<std::uint64_t>(35, 8), std::vector<std::uint64_t>{}, [] {
              std::vector<std::uint64_t> one(36, 8);
              one[35] = 4;
              return one;
          }()}) {
        gguf::Metadata unequal = good();
        unequal.set("gpt-oss.attention.head_count_kv", wrong);
        EXPECT_EQ(refusal(unequal, "gpt-oss.attention.head_count_kv"), ErrorCode::key_invalid);
    }
}

TEST(Hyperparameters, TheAttentionFactorIsObeyed) {
    gguf::Metadata metadata = good();
    metadata.set("gpt-oss.rope.scaling.attn_factor", 2.0);
    const Hyperparameters shape = read_hyperparameters(metadata, 201088);
    EXPECT_EQ(rope_table(shape).attention_factor, 2.0 * rope_table(gpt_oss_120b()).attention_factor);
    metadata.set("gpt-oss.rope.scaling.attn_factor", 0.0);
    EXPECT_EQ(refusal(metadata, "attn_factor"), ErrorCode::key_invalid);
}

// What newer converters write, and what leaves the arithmetic as it is.
TEST(Hyperparameters, KeysThatAgreeAreAccepted) {
    const gguf::Value agreeing[] = {32.0, 1.0};
    gguf::Metadata metadata = good();
    metadata.set("gpt-oss.rope.scaling.yarn_beta_fast", agreeing[0]);
    metadata.set("gpt-oss.rope.scaling.yarn_beta_slow", agreeing[1]);
    metadata.set("gpt-oss.rope.freq_base_swa", 150000.0);
    metadata.set("gpt-oss.rope.dimension_count", std::uint64_t{64});
    metadata.set("gpt-oss.attention.causal", true);
    metadata.set("gpt-oss.attention.scale", 0.125);
    metadata.set("gpt-oss.attention.sliding_window_pattern", std::uint64_t{2});
    metadata.set("gpt-oss.vocab_size", std::uint64_t{201088});
    metadata.set("gpt-oss.expert_weights_scale", 1.0);
    metadata.set("general.type", std::string("model"));
    metadata.set("somebody.elses_key", std::string("is none of ours"));
    EXPECT_EQ(read_hyperparameters(metadata, 201088), gpt_oss_120b());
    std::vector<bool> pattern(36);
    for (std::size_t layer = 0; layer < 36; layer += 2) pattern[layer] = true;
    metadata.set("gpt-oss.attention.sliding_window_pattern", pattern);
    EXPECT_EQ(read_hyperparameters(metadata, 201088), gpt_oss_120b());
}

TEST(Hyperparameters, KeysThatChangeTheArithmeticAreRefused) {
    const std::initializer_list<std::pair<const char*, gguf::Value>> changes{
        {"rope.freq_base_swa", 10000.0},
        {"rope.dimension_count", std::uint64_t{32}},
        {"rope.dimension_count_swa", std::uint64_t{32}},
        {"rope.dimension_sections", std::vector<std::int64_t>{16, 24, 24, 0}},
        {"rope.scale_linear", 4.0},
        {"rope.scaling.yarn_beta_fast", 16.0},
        {"rope.scaling.yarn_beta_slow", 2.0},
        {"rope.scaling.yarn_ext_factor", 0.5},
        {"rope.scaling.yarn_attn_factor", 2.0},
        {"rope.scaling.yarn_log_multiplier", 0.1},
        {"attention.sliding_window_pattern", std::uint64_t{4}},
        {"attention.sliding_window_pattern", std::vector<bool>(36, true)},
        {"attention.sliding_window_pattern", std::vector<bool>(2, true)},
        {"attention.sliding_window_pattern", std::string("odd")},
        {"attention.key_length_swa", std::uint64_t{128}},
        {"attention.causal", false},
        {"attention.scale", 0.0721},
        {"attention.max_alibi_bias", 8.0},
        {"attention.clamp_kqv", 8.0},
        {"attention.temperature_scale", 0.1},
        {"attn_logit_softcapping", 50.0},
        {"final_logit_softcapping", 30.0},
        {"logit_scale", 0.5},
        {"residual_scale", 0.5},
        {"embedding_scale", 12.0},
        {"expert_shared_count", std::uint64_t{1}},
        {"expert_weights_scale", 2.5},
        {"expert_gating_func", std::uint64_t{2}},
        {"expert_group_count", std::uint64_t{8}},
        {"leading_dense_block_count", std::uint64_t{1}},
        {"interleave_moe_layer_step", std::uint64_t{2}},
        {"nextn_predict_layers", std::uint64_t{1}},
        {"use_parallel_residual", true},
        {"swiglu_clamp_exp", std::vector<double>(36, 10.0)},
        {"vocab_size", std::uint64_t{200000}},
        {"ssm.state_size", std::uint64_t{16}},
        {"a_key_of_next_year", std::uint64_t{1}}};
    for (const auto& [name, value] : changes) {
        gguf::Metadata metadata = good();
        const std::string key = "gpt-oss." + std::string(name);
        metadata.set(key, value);
        EXPECT_EQ(refusal(metadata, key), ErrorCode::file_unsupported) << key;
    }
    gguf::Metadata adapter = good();
    adapter.set("general.type", std::string("adapter"));
    EXPECT_EQ(refusal(adapter, "adapter"), ErrorCode::file_unsupported);
}

}  // namespace
}  // namespace gptoss::model
