// Model files as other programs write them, and as they fare while they are used, computed on the CPU.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "gguf/dequantize.h"
#include "gguf/writer.h"
#include "oracle.h"
#include "support/temporary_folder.h"

namespace gptoss::backend::test {
namespace {

using gguf::TensorType;

std::vector<std::byte> bytes_of_hex(const std::string& hex) {
    std::vector<std::byte> bytes(hex.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    return bytes;
}

// Blocks of `type` that hold `elements` values: the committed ones, over and over.
std::vector<std::byte> blocks_of(const nlohmann::json& cases, TensorType type, std::uint64_t elements) {
    const auto blocks = bytes_of_hex(cases.at(std::string(gguf::traits(type).name)).at("blocks"));
    std::vector<std::byte> bytes(elements / gguf::traits(type).block_elements *
                                 gguf::traits(type).block_bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = blocks[i % blocks.size()];
    return bytes;
}

// The oracle model as one file, its tensors as `change` wants them.
template <typename Change>
std::filesystem::path rewritten(const std::filesystem::path& folder, Change change) {
    const gguf::File file = gguf::File::open(oracle_folder() / "small-00001-of-00003.gguf");
    std::vector<gguf::TensorToWrite> tensors;
    for (const gguf::Tensor& tensor : file.tensors()) {
        gguf::TensorToWrite copy{tensor.name, tensor.type, {}, [&tensor](std::span<std::byte> bytes) {
                                     std::ranges::copy(tensor.data, bytes.begin());
                                 }};
        copy.shape.assign(tensor.shape.begin(), tensor.shape.begin() + tensor.dimensions);
        if (change(copy, file)) tensors.push_back(std::move(copy));
    }
    gguf::Metadata metadata;
    for (const auto& [key, value] : file.metadata().all())
        if (!key.starts_with("split.")) metadata.set(key, value);
    return gguf::write(folder / "model.gguf", metadata, tensors)[0];
}

std::vector<float> logits_of(const std::filesystem::path& path, bool exact) {
    const LoadedModel model(path);
    const OracleCase prompt = oracle_case(40);
    const BackendOptions options = options_for(model.weights, 40, 40, exact);
    const auto backend = make_cpu_backend(model.weights, options);
    return all_logits(model.weights, prompt.tokens, 40, options, *backend);
}

class DenseType : public testing::TestWithParam<TensorType> {};

// attn_output in a type against the same values as F32.
TEST_P(DenseType, ComputesWithItsValues) {
    std::ifstream json_file(GPTOSS_SOURCE_DIR "/tests/gguf/data/block_layouts.json");
    const auto cases = nlohmann::json::parse(json_file);
    const gptoss::test::TemporaryFolder folder;
    const auto with_output = [&](TensorType type) {
        return rewritten(folder.path(), [&, type](gguf::TensorToWrite& tensor, const gguf::File&) {
            if (!tensor.name.ends_with("attn_output.weight")) return true;
            const std::uint64_t elements = tensor.shape[0] * tensor.shape[1];
            std::vector<std::byte> blocks = blocks_of(cases, GetParam(), elements);
            tensor.type = type;
            tensor.fill = [blocks = std::move(blocks), type](std::span<std::byte> bytes) {
                if (type == TensorType::F32)
                    gguf::dequantize(GetParam(), blocks,
                                     {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)});
                else
                    std::ranges::copy(blocks, bytes.begin());
            };
            return true;
        });
    };
    const auto plain = logits_of(with_output(TensorType::F32), true);
    const auto path = with_output(GetParam());
    EXPECT_EQ(relative_error(logits_of(path, true), plain), 0.0);
    // 16-bit activations flip near ties between experts; wrong weights would be off by 1.
    EXPECT_LT(relative_error(logits_of(path, false), plain), 0.2);
}

INSTANTIATE_TEST_SUITE_P(Types, DenseType,
                         testing::Values(TensorType::IQ1_S, TensorType::IQ1_M, TensorType::IQ2_XXS,
                                         TensorType::IQ2_XS, TensorType::IQ2_S, TensorType::IQ3_XXS,
                                         TensorType::IQ3_S, TensorType::IQ4_NL, TensorType::IQ4_XS,
                                         TensorType::TQ1_0, TensorType::TQ2_0, TensorType::Q4_K),
                         [](const auto& type) { return std::string(gguf::traits(type.param).name); });

TEST(ModelFiles, FusedQueryKeyValueComputesTheSame) {
    const gptoss::test::TemporaryFolder folder;
    const auto path = rewritten(folder.path(), [](gguf::TensorToWrite& tensor, const gguf::File& file) {
        const std::string& name = tensor.name;
        if (name.find(".attn_k.") != std::string::npos || name.find(".attn_v.") != std::string::npos)
            return false;
        const std::size_t at = name.find(".attn_q.");
        if (at == std::string::npos) return true;
        std::vector<const gguf::Tensor*> parts;
        for (const char* part : {".attn_q.", ".attn_k.", ".attn_v."})
            parts.push_back(file.find(name.substr(0, at) + part + name.substr(at + 8)));
        tensor.shape.back() = 0;
        for (const gguf::Tensor* part : parts) tensor.shape.back() += part->shape[tensor.shape.size() - 1];
        tensor.fill = [parts](std::span<std::byte> bytes) {
            auto out = bytes.begin();
            for (const gguf::Tensor* part : parts) out = std::ranges::copy(part->data, out).out;
        };
        tensor.name = name.substr(0, at) + ".attn_qkv." + name.substr(at + 8);
        return true;
    });
    const auto plain = oracle_folder() / "small-00001-of-00003.gguf";
    for (const bool exact : {true, false}) EXPECT_EQ(logits_of(path, exact), logits_of(plain, exact));
}

// Scale byte 255 of MXFP4 is a NaN in the standard: over zeros it says nothing, over weights the file is damaged.
TEST(ModelFiles, WeightsThatAreNoNumbersAreNotServed) {
    const auto with_byte = [](const std::string& name, std::byte codes) {
        return [name, codes](gguf::TensorToWrite& tensor, const gguf::File&) {
            if (tensor.name != name) return true;
            tensor.fill = [fill = std::move(tensor.fill), codes](std::span<std::byte> bytes) {
                fill(bytes);
                std::ranges::fill(bytes.first(17), codes);
                bytes[0] = std::byte{255};
            };
            return true;
        };
    };
    const std::string experts = "blk.1.ffn_down_exps.weight";
    const gptoss::test::TemporaryFolder folder;
    EXPECT_NO_THROW(logits_of(rewritten(folder.path(), with_byte(experts, std::byte{0})), false));
    try {
        logits_of(rewritten(folder.path(), with_byte(experts, std::byte{0x11})), false);
        FAIL() << "the file was loaded";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_corrupt);
        EXPECT_NE(std::string(error.what()).find(experts), std::string::npos) << error.what();
    }
    // Norms, biases and sinks as well: here four bytes of NaN.
    const auto with_nan = [](gguf::TensorToWrite& tensor, const gguf::File&) {
        if (tensor.name == "blk.1.attn_sinks.weight")
            tensor.fill = [](std::span<std::byte> bytes) { std::ranges::fill(bytes, std::byte{0xFF}); };
        return true;
    };
    EXPECT_THROW(logits_of(rewritten(folder.path(), with_nan), false), Error);
}

// What is served was read when it was loaded: the file may be written to or cut short afterwards.
TEST(ModelFiles, ALoadedModelNoLongerReadsItsFile) {
    const gptoss::test::TemporaryFolder folder;
    const auto path = rewritten(folder.path(), [](gguf::TensorToWrite&, const gguf::File&) { return true; });
    const LoadedModel model(path);
    const OracleCase prompt = oracle_case(40);
    const BackendOptions options = options_for(model.weights, 40, 40, false);
    const auto backend = make_cpu_backend(model.weights, options);
    const auto before = all_logits(model.weights, prompt.tokens, 40, options, *backend);
    std::filesystem::resize_file(path, 10);
    EXPECT_EQ(all_logits(model.weights, prompt.tokens, 40, options, *backend), before);
    EXPECT_THROW(model.file.require_unchanged(), Error);
}

}  // namespace
}  // namespace gptoss::backend::test
