#include "model/hyperparameters.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "model/fixed_keys.h"

namespace gptoss::model {
namespace {

[[noreturn]] void impossible(const std::string& key, const std::string& found, const std::string& expected) {
    throw Error(ErrorCode::key_invalid, "the metadata key " + key + " is " + found + ", expected " + expected,
                "The file was made for another program, or of a model that is not gpt-oss as published.",
                {{"key", key}, {"found", found}});
}

class Reader {
  public:
    explicit Reader(const gguf::Metadata& metadata) : metadata_(metadata) {}

    // Integers of a shape: at least `least`, at most `most`, so that products of them fit 64 bits.
    std::int32_t integer(std::string_view name, std::int64_t least, std::int64_t most) const {
        const std::string key = std::string(kKeyPrefix) + std::string(name);
        const std::uint64_t value = metadata_.unsigned_integer(key);
        if (value < static_cast<std::uint64_t>(least) || value > static_cast<std::uint64_t>(most))
            impossible(key, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
        return static_cast<std::int32_t>(value);
    }
    // The same, also written once for every layer; all layers are alike.
    std::int32_t integer_of_layers(std::string_view name, std::int64_t least, std::int64_t most,
                                   std::int32_t layers) const {
        const std::string key = std::string(kKeyPrefix) + std::string(name);
        if (!metadata_.is_array(key)) return integer(name, least, most);
        const std::vector<std::int64_t> values = metadata_.integers(key);
        if (values.size() != static_cast<std::size_t>(layers))
            impossible(key, "an array of " + std::to_string(values.size()),
                       "one value, or one for each of the " + std::to_string(layers) + " layers");
        for (const std::int64_t value : values)
            if (value != values[0] || value < least || value > most)
                impossible(
                    key, "an array with " + std::to_string(value),
                    "the same for all layers, " + std::to_string(least) + " to " + std::to_string(most));
        return static_cast<std::int32_t>(values[0]);
    }
    double positive_real(std::string_view name) const {
        const std::string key = std::string(kKeyPrefix) + std::string(name);
        const double value = metadata_.real(key);
        if (!(value > 0) || !std::isfinite(value))
            impossible(key, std::to_string(value), "a positive number");
        return value;
    }
    double positive_real_or(std::string_view name, double absent) const {
        return metadata_.contains(std::string(kKeyPrefix) + std::string(name)) ? positive_real(name) : absent;
    }
    void require_text(std::string_view name, std::string_view expected) const {
        const std::string key = std::string(kKeyPrefix) + std::string(name);
        if (metadata_.text(key) != expected) impossible(key, metadata_.text(key), std::string(expected));
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
    if (const auto type = metadata.find_text("general.type"); type && *type != "model")
        throw Error(ErrorCode::file_unsupported, "the file holds the type " + *type + ", not a model",
                    "Name the model itself; adapters, importance matrices and projectors are not loaded.",
                    {{"key", "general.type"}, {"found", *type}});
    const Reader read(metadata);
    Hyperparameters shape;
    shape.layers = read.integer("block_count", 1, 1024);
    shape.hidden = read.integer("embedding_length", 32, 1 << 16);
    const auto of_layers = [&](std::string_view name, std::int64_t least, std::int64_t most) {
        return read.integer_of_layers(name, least, most, shape.layers);
    };
    shape.query_heads = of_layers("attention.head_count", 1, 4096);
    shape.kv_heads = of_layers("attention.head_count_kv", 1, 4096);
    shape.head_size = of_layers("attention.key_length", 64, 64);  // kernels are written for 64
    if (metadata.contains("gpt-oss.attention.value_length")) of_layers("attention.value_length", 64, 64);
    shape.experts = of_layers("expert_count", 1, 4096);
    shape.experts_per_token = of_layers("expert_used_count", 1, 8);
    shape.intermediate_size = of_layers("expert_feed_forward_length", 32, 1 << 16);
    shape.sliding_window = read.integer("attention.sliding_window", 1, 1 << 20);
    shape.context_length = read.integer("context_length", 1, 1 << 24);
    shape.rope_base = read.positive_real("rope.freq_base");
    shape.rms_epsilon = read.positive_real("attention.layer_norm_rms_epsilon");
    read.require_text("rope.scaling.type", "yarn");
    shape.rope_scaling_factor = read.positive_real("rope.scaling.factor");
    shape.rope_attention_factor = read.positive_real_or("rope.scaling.attn_factor", 1.0);
    shape.original_context_length = read.integer("rope.scaling.original_context_length", 1, 1 << 24);
    shape.vocabulary = vocabulary;
    if (shape.query_heads % shape.kv_heads != 0)
        impossible("gpt-oss.attention.head_count", std::to_string(shape.query_heads),
                   "a multiple of head_count_kv, " + std::to_string(shape.kv_heads));
    if (shape.experts_per_token > shape.experts)
        impossible("gpt-oss.expert_used_count", std::to_string(shape.experts_per_token),
                   "at most expert_count, " + std::to_string(shape.experts));
    if (shape.hidden % 32 != 0 || shape.intermediate_size % 32 != 0)
        impossible("gpt-oss.embedding_length", std::to_string(shape.hidden), "a multiple of 32");
    check_fixed_keys(metadata, shape);
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
    shape.experts_per_token = 4;
    shape.intermediate_size = 2880;
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
