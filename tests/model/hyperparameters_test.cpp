#include "model/hyperparameters.h"

#include <gtest/gtest.h>

#include "base/error.h"

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

}  // namespace
}  // namespace gptoss::model
