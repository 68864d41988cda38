#include "model/weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "gguf/writer.h"
#include "support/temporary_folder.h"

namespace gptoss::model {
namespace {

const std::filesystem::path kOracle = GPTOSS_SOURCE_DIR "/tests/data/oracle/small-00001-of-00003.gguf";

// The oracle model written again with one tensor changed or left out, and perhaps more metadata and tensors.
template <typename Change>
ErrorCode refusal(Change change, std::string& message, const gguf::Metadata& more_metadata = {},
                  const std::vector<gguf::TensorToWrite>& more_tensors = {}) {
    const gguf::File file = gguf::File::open(kOracle);
    std::vector<gguf::TensorToWrite> tensors;
    for (const gguf::Tensor& tensor : file.tensors()) {
        gguf::TensorToWrite copy{tensor.name, tensor.type, {}, [&tensor](std::span<std::byte> bytes) {
                                     std::memcpy(bytes.data(), tensor.data.data(),
                                                 std::min(bytes.size(), tensor.data.size()));
                                 }};
        copy.shape.assign(tensor.shape.begin(), tensor.shape.begin() + tensor.dimensions);
        if (change(copy)) tensors.push_back(std::move(copy));
    }
    gguf::Metadata metadata;  // unsplit: the split keys would contradict the single file
    for (const auto& [key, value] : file.metadata().all())
        if (!key.starts_with("split.")) metadata.set(key, value);
    for (const auto& [key, value] : more_metadata.all()) metadata.set(key, value);
    tensors.insert(tensors.end(), more_tensors.begin(), more_tensors.end());
    const test::TemporaryFolder folder;
    const auto paths = gguf::write(folder.path() / "changed.gguf", metadata, tensors);
    try {
        const gguf::File changed = gguf::File::open(paths[0]);
        find_weights(changed);
    } catch (const Error& error) {
        message = error.what();
        return error.code();
    }
    return ErrorCode::cancelled;  // no error
}

TEST(Weights, FindsTheOracleModelsTensors) {
    const gguf::File file = gguf::File::open(kOracle);
    const Weights weights = find_weights(file);
    EXPECT_EQ(weights.hyperparameters.vocabulary, 1024);
    EXPECT_EQ(weights.layers.size(), 4U);
    EXPECT_EQ(weights.layers[3].gate.rows, 8 * 128);
    EXPECT_EQ(weights.layers[3].gate.columns, 128);
    EXPECT_EQ(weights.layers[0].query.rows, 8 * 64);
    EXPECT_EQ(weights.layers[0].gate.tensor->type, gguf::TensorType::MXFP4);
}

TEST(Weights, UnchangedIsAccepted) {
    std::string message;
    EXPECT_EQ(refusal([](gguf::TensorToWrite&) { return true; }, message), ErrorCode::cancelled) << message;
}

TEST(Weights, EachTensorIsMissed) {
    const gguf::File file = gguf::File::open(kOracle);
    for (const gguf::Tensor& tensor : file.tensors()) {
        std::string message;
        EXPECT_EQ(refusal([&](gguf::TensorToWrite& copy) { return copy.name != tensor.name; }, message),
                  ErrorCode::tensor_missing);
        EXPECT_NE(message.find(tensor.name), std::string::npos) << message;
    }
}

TEST(Weights, EachTensorsShapeIsChecked) {
    const gguf::File file = gguf::File::open(kOracle);
    for (const gguf::Tensor& tensor : file.tensors()) {
        if (tensor.name == "token_embd.weight")
            continue;  // its rows define the vocabulary: the head disagrees instead
        std::string message;
        EXPECT_EQ(refusal(
                      [&](gguf::TensorToWrite& copy) {
                          if (copy.name == tensor.name) copy.shape.back() += 32;
                          return true;
                      },
                      message),
                  ErrorCode::tensor_invalid)
            << tensor.name;
        EXPECT_NE(message.find(tensor.name), std::string::npos) << message;
    }
}

bool keep_all(gguf::TensorToWrite&) {
    return true;
}

TEST(Weights, AVocabularyOfAnotherSizeThanTheEmbeddingIsRefused) {
    for (const std::size_t tokens : {1023U, 1025U}) {
        gguf::Metadata metadata;
        metadata.set("tokenizer.ggml.tokens", std::vector<std::string>(tokens, "x"));
        std::string message;
        EXPECT_EQ(refusal(keep_all, message, metadata), ErrorCode::key_invalid);
        EXPECT_NE(message.find(std::to_string(tokens)), std::string::npos) << message;
        EXPECT_NE(message.find("1024"), std::string::npos) << message;
    }
}

TEST(Weights, ATensorWithoutAPlaceIsRefused) {
    for (const char* name : {"rope_freqs.weight", "blk.0.attn_q_norm.weight", "blk.3.attn_output.scale",
                             "blk.4.attn_norm.weight", "output.bias"}) {
        const gguf::TensorToWrite extra{name, gguf::TensorType::F32, {64}, [](std::span<std::byte> bytes) {
                                            std::memset(bytes.data(), 0, bytes.size());
                                        }};
        std::string message;
        EXPECT_EQ(refusal(keep_all, message, {}, {extra}), ErrorCode::file_unsupported);
        EXPECT_NE(message.find(name), std::string::npos) << message;
    }
}

}  // namespace
}  // namespace gptoss::model
