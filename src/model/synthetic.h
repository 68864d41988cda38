// Models of a true shape with random weights, made in memory or written to a file: for timing, and for tests
// that need a shape no file has. Types are those ggml-org publishes: experts MXFP4, dense part Q8_0, the rest
// F32.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <vector>

#include "gguf/metadata.h"
#include "model/weights.h"

namespace gptoss::model {

// What the dense matrices (attention, embedding, head) and the experts are stored as.
struct SyntheticTypes {
    gguf::TensorType dense = gguf::TensorType::Q8_0;
    gguf::TensorType experts = gguf::TensorType::MXFP4;
};

// All layers share one set of random tensors: a backend that copies weights to where it computes reads as
// many bytes as with a real model, while making a 120b takes the memory of one layer and the head.
class SyntheticModel {
  public:
    explicit SyntheticModel(const Hyperparameters& shape, std::uint64_t seed = 1,
                            const SyntheticTypes& types = {});

    const Weights& weights() const { return weights_; }

  private:
    const gguf::Tensor& tensor(gguf::TensorType type, std::int64_t columns, std::int64_t rows, float spread);
    Matrix matrix(gguf::TensorType type, std::int64_t columns, std::int64_t rows);
    const float* floats(std::int64_t count, float mean, float spread);

    std::uint64_t seed_;
    std::deque<std::vector<std::byte>> storage_;
    std::deque<gguf::Tensor> tensors_;  // stable addresses: Weights points to them
    Weights weights_;
};

// What a GGUF file of that shape says of itself, with a stand-in vocabulary: a token for each byte, then names
// that no text holds, and harmony's special tokens where o200k has them.
gguf::Metadata synthetic_metadata(const Hyperparameters& shape);

// The same as a GGUF file of `parts` parts. Returns the bytes written.
// Throws Error(file_unreadable) or Error(disk_full).
std::uint64_t write_synthetic(const std::filesystem::path& path, const Weights& weights,
                              std::uint32_t parts = 1);

}  // namespace gptoss::model
