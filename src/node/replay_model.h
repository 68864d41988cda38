// A model loaded to check replies with, and nothing else: no engine, no queue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/replay.h"
#include "harmony/constraint.h"
#include "node/device.h"
#include "node/model_placement.h"
#include "node/model_source.h"
#include "node/numerics.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::node {

class ReplayModel {
  public:
    // The context is settings.max_context_length; as many places are sampled at once as settings.max_sequences.
    // Throws what load_model() throws.
    ReplayModel(const Settings& settings, const std::vector<Device>& devices);

    const Tokenizer& tokenizer() const { return tokenizer_; }
    const std::string& composite() const { return composite_; }  // "0x…"
    std::int32_t hidden_size() const { return source_.shape().hidden; }
    const Numerics& numerics() const { return numerics_; }
    const backend::BackendInfo& backend_info() const { return backend_->info(); }
    harmony::ConstraintFactory& constraints() { return constraints_; }
    engine::Replayer& replayer() { return *replayer_; }

  private:
    ModelSource source_;
    Tokenizer tokenizer_;
    harmony::ConstraintFactory constraints_;
    std::unique_ptr<backend::Backend> backend_;
    std::unique_ptr<engine::Replayer> replayer_;
    Numerics numerics_;
    std::string composite_;
};

// Rows of logits computed in one step: bounds the memory they take with a real vocabulary (0.8 MB a row).
inline constexpr std::int64_t kReplayRowsAtOnce = 64;

}  // namespace gptoss::node
