#include "model/hyperparameters.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace gptoss::model {
namespace {

constexpr std::string_view kPrefix = "gpt-oss.";

[[noreturn]] void impossible(const std::string& key, const std::string& found, const std::string& expected) {
    throw Error(ErrorCode::key_invalid, "the metadata key " + key + " is " + found + ", expected " + expected,
                "The file is not a gpt-oss model this node can run.", {{"key", key}, {"found", found}});
}

class Reader {
  public:
    explicit Reader(const gguf::Metadata& metadata) : metadata_(metadata) {}

    // Integers of a shape: at least `least`, at most `most`, so that products of them fit 64 bits.
    std::int32_t integer(std::string_view name, std::int64_t least, std::int64_t most) const {
        const std::string key = std::string(kPrefix) + std::string(name);
        const std::uint64_t value = metadata_.unsigned_integer(key);
        if (value < static_cast<std::uint64_t>(least) || value > static_cast<std::uint64_t>(most))
            impossible(key, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
        return static_cast<std::int32_t>(value);
    }
    double positive_real(std::string_view name) const {
        const std::string key = std::string(kPrefix) + std::string(name);
        const double value = metadata_.real(key);
        if (!(value > 0) || !std::isfinite(value))
            impossible(key, std::to_string(value), "a positive number");
        return value;
    }
    void require_text(std::string_view name, std::string_view expected) const {
        const std::string key = std::string(kPrefix) + std::string(name);
        if (metadata_.text(key) != expected) impossible(key, metadata_.text(key), std::string(expected));
    }
    // An optional count that must agree with another when it is there.
    void require_equal_if_present(std::string_view name, std::int32_t expected) const {
        const std::string key = std::string(kPrefix) + std::string(name);
        const auto value = metadata_.find_unsigned_integer(key);
        if (value && *value != static_cast<std::uint64_t>(expected))
            impossible(key, std::to_string(*value), std::to_string(expected));
    }

  private:
    const gguf::Metadata& metadata_;
};

}  // namespace

Hyperparameters read_hyperparameters(const gguf::Metadata& metadata, std::int32_t vocabulary) {
    const std::string& architecture = metadata.text("general.architecture");
    if (architecture != "gpt-oss")
        throw Error(ErrorCode::file_unsupported,
                    "the model's architecture is " + architecture + ", not gpt-oss",
                    architecture == "gptoss"
                        ? "Ollama's own files differ in names and layout; use a GGUF such as ggml-org's."
                        : "This node runs gpt-oss models only.",
                    {{"architecture", architecture}});
    const Reader read(metadata);
    Hyperparameters shape;
    shape.layers = read.integer("block_count", 1, 1024);
    shape.hidden = read.integer("embedding_length", 32, 1 << 16);
    shape.query_heads = read.integer("attention.head_count", 1, 4096);
    shape.kv_heads = read.integer("attention.head_count_kv", 1, 4096);
    shape.head_size = read.integer("attention.key_length", 64, 64);  // kernels are written for 64
    read.require_equal_if_present("attention.value_length", shape.head_size);
    shape.experts = read.integer("expert_count", 1, 4096);
    shape.experts_used = read.integer("expert_used_count", 1, 8);
    shape.expert_width = read.integer("expert_feed_forward_length", 32, 1 << 16);
    shape.sliding_window = read.integer("attention.sliding_window", 1, 1 << 20);
    shape.context_length = read.integer("context_length", 1, 1 << 24);
    shape.rope_base = read.positive_real("rope.freq_base");
    shape.rms_epsilon = read.positive_real("attention.layer_norm_rms_epsilon");
    read.require_text("rope.scaling.type", "yarn");
    shape.rope_scaling_factor = read.positive_real("rope.scaling.factor");
    shape.original_context_length = read.integer("rope.scaling.original_context_length", 1, 1 << 24);
    shape.vocabulary = vocabulary;
    if (shape.query_heads % shape.kv_heads != 0)
        impossible("gpt-oss.attention.head_count", std::to_string(shape.query_heads),
                   "a multiple of head_count_kv, " + std::to_string(shape.kv_heads));
    if (shape.experts_used > shape.experts)
        impossible("gpt-oss.expert_used_count", std::to_string(shape.experts_used),
                   "at most expert_count, " + std::to_string(shape.experts));
    if (shape.hidden % 32 != 0 || shape.expert_width % 32 != 0)
        impossible("gpt-oss.embedding_length", std::to_string(shape.hidden), "a multiple of 32");
    return shape;
}

Hyperparameters gpt_oss_120b() {
    Hyperparameters shape;
    shape.layers = 36;
    shape.hidden = 2880;
    shape.query_heads = 64;
    shape.kv_heads = 8;
    shape.head_size = 64;
    shape.experts = 128;
    shape.experts_used = 4;
    shape.expert_width = 2880;
    shape.vocabulary = 201088;
    shape.sliding_window = 128;
    shape.context_length = 131072;
    shape.original_context_length = 4096;
    shape.rope_base = 150000;
    shape.rope_scaling_factor = 32;
    shape.rms_epsilon = 1e-5;
    return shape;
}

Hyperparameters gpt_oss_20b() {
    Hyperparameters shape = gpt_oss_120b();
    shape.layers = 24;
    shape.experts = 32;
    return shape;
}

}  // namespace gptoss::model
