// Where a model's weights come from: a GGUF file, or thin air (GPTOSS_SYNTHETIC), for benchmarks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "gguf/file.h"
#include "model/synthetic.h"
#include "model/weights.h"
#include "node/settings.h"

namespace gptoss::node {

class ModelSource {
  public:
    // The file MODEL_PATH names, the demo model's, or none. Throws Error for a file that is none of ours, and
    // Error(setting_invalid) where random weights are asked for together with what only a file has.
    explicit ModelSource(const Settings& settings);

    const std::filesystem::path& path() const { return path_; }  // empty for random weights
    const gguf::File* file() const { return file_ ? &*file_ : nullptr; }
    const gguf::Metadata& metadata() const { return file_ ? file_->metadata() : metadata_; }
    const model::Hyperparameters& shape() const { return shape_; }
    bool synthetic() const { return !file_; }

    // Null for random weights that have not been made in memory: a GPU makes its own.
    const model::Weights* weights() const { return found_ ? &*found_ : made_ ? &made_->weights() : nullptr; }
    // Random weights in memory, for a device that cannot make them. Nothing where there are weights.
    void make_weights();

    std::int64_t tensor_bytes() const;

  private:
    std::filesystem::path path_;
    std::optional<gguf::File> file_;
    gguf::Metadata metadata_;
    model::Hyperparameters shape_;
    std::optional<model::Weights> found_;
    std::optional<model::SyntheticModel> made_;
};

}  // namespace gptoss::node
