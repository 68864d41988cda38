#include "support/published_120b.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gguf/types.h"
#include "gguf/value_type.h"
#include "support/files.h"
#include "support/o200k.h"
#include "tokenizer/byte_unicode.h"

namespace gptoss::test {
namespace {

using gguf::TensorType;

// A GGUF header, key by key: the order and the widths are the file's, which gguf::write() would choose itself.
class Header {
  public:
    Header(std::uint64_t tensors, std::uint64_t keys) {
        bytes_ = "GGUF";
        number<std::uint32_t>(3), number(tensors), number(keys);
    }
    template <typename T>
    void number(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view value) {
        number<std::uint64_t>(value.size());
        bytes_ += value;
    }
    template <typename T>
    void key(std::string_view name, std::uint32_t type, T value) {
        text(name), number(type), number(value);
    }
    void key(std::string_view name, std::string_view value) {
        text(name), number<std::uint32_t>(gguf::kText), text(value);
    }
    void array(std::string_view name, std::uint32_t type, std::uint64_t count) {
        text(name), number<std::uint32_t>(gguf::kArray), number(type), number(count);
    }
    void texts(std::string_view name, const std::vector<std::string>& values) {
        array(name, gguf::kText, values.size());
        for (const std::string& value : values) text(value);
    }
    std::string padded() {
        bytes_.resize((bytes_.size() + 31) / 32 * 32);
        return std::move(bytes_);
    }

  private:
    std::string bytes_;
};

// Every way to cut a token into two tokens, in the order of the whole's rank, then of the left's.
std::vector<std::string> merges_of(const std::vector<std::string>& spellings) {
    constexpr std::size_t kRanked = 199998;
    std::unordered_map<std::string_view, std::size_t> ranks;
    for (std::size_t rank = 0; rank < kRanked; ++rank) ranks.emplace(spellings[rank], rank);
    std::vector<std::string> merges;
    for (std::size_t rank = 0; rank < kRanked; ++rank) {
        const std::string_view whole = spellings[rank];
        std::vector<std::pair<std::size_t, std::size_t>> cuts;
        for (std::size_t at = 1; at < whole.size(); ++at) {
            const auto left = ranks.find(whole.substr(0, at)), right = ranks.find(whole.substr(at));
            if (left != ranks.end() && right != ranks.end()) cuts.emplace_back(left->second, right->second);
        }
        std::ranges::sort(cuts);
        for (const auto& [left, right] : cuts) merges.push_back(spellings[left] + " " + spellings[right]);
    }
    return merges;
}

struct TensorShape {
    std::string name;
    TensorType type;
    std::vector<std::uint64_t> shape;
    std::uint64_t bytes() const {
        std::uint64_t elements = 1;
        for (const std::uint64_t extent : shape) elements *= extent;
        const gguf::TypeTraits& traits = gguf::traits(type);
        return (elements / traits.block_elements * traits.block_bytes + 31) / 32 * 32;
    }
};

std::vector<TensorShape> all_tensors() {
    constexpr auto F32 = TensorType::F32, Q8_0 = TensorType::Q8_0, MXFP4 = TensorType::MXFP4;
    std::vector<TensorShape> tensors{{"output.weight", Q8_0, {2880, 201088}},
                                     {"output_norm.weight", F32, {2880}},
                                     {"token_embd.weight", Q8_0, {2880, 201088}}};
    for (int layer = 0; layer < 36; ++layer)
        for (const TensorShape& tensor :
             std::initializer_list<TensorShape>{{"attn_norm.weight", F32, {2880}},
                                                {"attn_q.weight", Q8_0, {2880, 4096}},
                                                {"attn_q.bias", F32, {4096}},
                                                {"attn_k.weight", Q8_0, {2880, 512}},
                                                {"attn_k.bias", F32, {512}},
                                                {"attn_v.weight", Q8_0, {2880, 512}},
                                                {"attn_v.bias", F32, {512}},
                                                {"attn_output.weight", Q8_0, {4096, 2880}},
                                                {"attn_output.bias", F32, {2880}},
                                                {"attn_sinks.weight", F32, {64}},
                                                {"post_attention_norm.weight", F32, {2880}},
                                                {"ffn_gate_inp.weight", F32, {2880, 128}},
                                                {"ffn_gate_inp.bias", F32, {128}},
                                                {"ffn_gate_exps.weight", MXFP4, {2880, 2880, 128}},
                                                {"ffn_gate_exps.bias", F32, {2880, 128}},
                                                {"ffn_up_exps.weight", MXFP4, {2880, 2880, 128}},
                                                {"ffn_up_exps.bias", F32, {2880, 128}},
                                                {"ffn_down_exps.weight", MXFP4, {2880, 2880, 128}},
                                                {"ffn_down_exps.bias", F32, {2880, 128}}})
            tensors.push_back(
                {"blk." + std::to_string(layer) + "." + tensor.name, tensor.type, tensor.shape});
    return tensors;
}

void write_sparse_part(const std::filesystem::path& path, std::uint16_t number,
                       std::span<const TensorShape> tensors) {
    Header header(tensors.size(), 3);
    header.key<std::uint16_t>("split.no", gguf::kU16, number);
    header.key<std::int32_t>("split.tensors.count", gguf::kI32, 687);
    header.key<std::uint16_t>("split.count", gguf::kU16, 3);
    std::uint64_t offset = 0;
    for (const TensorShape& tensor : tensors) {
        header.text(tensor.name);
        header.number(static_cast<std::uint32_t>(tensor.shape.size()));
        for (const std::uint64_t extent : tensor.shape) header.number(extent);
        header.number(static_cast<std::uint32_t>(tensor.type));
        header.number(offset);
        offset += tensor.bytes();
    }
    const std::string bytes = header.padded();
    write_file(path, {bytes.begin(), bytes.end()});
    std::filesystem::resize_file(path, bytes.size() + offset);  // a hole
}

}  // namespace

std::optional<std::string> published_120b_part_1() {
    const auto metadata = o200k_metadata();
    if (!metadata) return std::nullopt;
    const std::vector<std::string>& tokens = metadata->texts("tokenizer.ggml.tokens");
    const auto chat_template = read_file(GPTOSS_SOURCE_DIR "/tests/support/data/gpt-oss-chat-template.jinja");
    Header header(0, 38);
    const auto u32 = [&](const std::string& name, std::uint32_t value) {
        header.key(name, gguf::kU32, value);
    };
    const auto f32 = [&](const std::string& name, float value) { header.key(name, gguf::kF32, value); };
    header.key("general.architecture", "gpt-oss");
    header.key("general.type", "model");
    header.key("general.name", "Gpt Oss 120b");
    header.key("general.basename", "gpt-oss");
    header.key("general.size_label", "120B");
    header.key("general.license", "apache-2.0");
    header.texts("general.tags", {"vllm", "text-generation"});
    u32("gpt-oss.block_count", 36), u32("gpt-oss.context_length", 131072);
    u32("gpt-oss.embedding_length", 2880), u32("gpt-oss.feed_forward_length", 2880);
    u32("gpt-oss.attention.head_count", 64), u32("gpt-oss.attention.head_count_kv", 8);
    f32("gpt-oss.rope.freq_base", 150000.0F), f32("gpt-oss.attention.layer_norm_rms_epsilon", 1e-5F);
    u32("gpt-oss.expert_count", 128), u32("gpt-oss.expert_used_count", 4);
    u32("gpt-oss.attention.key_length", 64), u32("gpt-oss.attention.value_length", 64);
    u32("gpt-oss.attention.sliding_window", 128), u32("gpt-oss.expert_feed_forward_length", 2880);
    header.key("gpt-oss.rope.scaling.type", "yarn");
    f32("gpt-oss.rope.scaling.factor", 32.0F), u32("gpt-oss.rope.scaling.original_context_length", 4096);
    header.key("tokenizer.ggml.model", "gpt2");
    header.key("tokenizer.ggml.pre", "gpt-4o");
    header.texts("tokenizer.ggml.tokens", tokens);
    header.array("tokenizer.ggml.token_type", gguf::kI32, tokens.size());
    for (const std::int64_t type : metadata->integers("tokenizer.ggml.token_type"))
        header.number(static_cast<std::int32_t>(type));
    header.texts("tokenizer.ggml.merges", merges_of(tokens));
    u32("tokenizer.ggml.bos_token_id", 199998), u32("tokenizer.ggml.eos_token_id", 200002);
    u32("tokenizer.ggml.padding_token_id", 199999);
    header.key("tokenizer.chat_template", {chat_template.data(), chat_template.size()});
    u32("general.quantization_version", 2), u32("general.file_type", 38);
    header.key<std::uint16_t>("split.no", gguf::kU16, 0);
    header.key<std::int32_t>("split.tensors.count", gguf::kI32, 687);
    header.key<std::uint16_t>("split.count", gguf::kU16, 3);
    return header.padded();
}

std::filesystem::path write_published_120b(const std::filesystem::path& folder, const std::string& part_1) {
    const auto name = [&](int number) {
        return folder / ("gpt-oss-120b-mxfp4-0000" + std::to_string(number) + "-of-00003.gguf");
    };
    write_file(name(1), {part_1.begin(), part_1.end()});
    const std::vector<TensorShape> tensors = all_tensors();
    const std::span<const TensorShape> all = tensors;
    write_sparse_part(name(2), 1, all.first(360));
    write_sparse_part(name(3), 2, all.subspan(360));
    return name(1);
}

}  // namespace gptoss::test
