// A generation checked by one prompt: prompt and reply go through the backend once, as a prompt, and every
// token of the reply must be the one that the seed and the logits choose. Holds where a token's logits do not
// depend on what was computed beside it (docs/numerics.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "backend/sequence_runner.h"
#include "base/token_constraint.h"
#include "engine/fingerprint.h"

namespace gptoss::engine {

struct ReplayRequest {
    std::vector<TokenId> prompt, output;
    backend::SamplingParameters sampling = {};
    std::vector<backend::TokenBias> biases = {};
    std::unique_ptr<TokenConstraint> constraint = {};  // at its beginning; may be null
    // Of the places with a fingerprint, so many of the hidden state's largest values.
    std::int32_t hidden_values = 0;
    bool past_difference = false;  // go on after the first difference, to find all of them
};

// Where a reply is not what seed and logits choose.
struct ReplayDifference {
    enum class Kind {
        other,        // another token is ahead of the one recorded
        not_allowed,  // the form, or what was said before, does not allow the recorded one
        filtered,     // top_k, top_p or min_p leave the recorded one out
        ended,        // nothing may follow here
    };
    Kind kind = Kind::other;
    std::int32_t place = 0;  // of the output, from 0
    TokenId recorded = 0, chosen = 0;
    // How far the chosen one is ahead, in nats: logits divided by the temperature, and the noise.
    float lead = 0;

    // Rounding alone may have decided, on another device or by another order of arithmetic.
    bool is_near_tie() const { return kind == Kind::other && lead < kNearTie; }
    static constexpr float kNearTie = 0.1F;
};

struct ReplayResult {
    std::optional<ReplayDifference> difference;  // the first
    std::vector<ReplayDifference> others;        // those behind it, where they are asked for
    // What was chosen as it was recorded, with log-probabilities where they are asked for.
    std::vector<backend::SampledToken> chosen;
    std::vector<Fingerprint> fingerprints;
    bool complete = false;  // the constraint lets nothing follow the last token
};

class Replayer {
  public:
    // `plan` is the one the backend was made with, its blocks are this replayer's alone. As many rows as it has
    // sequences are sampled at once. `padding_from` as in BackendOptions.
    Replayer(backend::Backend& backend, const model::MemoryPlan& plan, const model::Hyperparameters& shape,
             TokenId padding_from);

    // Throws Error(request_invalid) for no prompt or a token that does not exist, Error(context_exceeded), and
    // what the backend throws.
    ReplayResult run(ReplayRequest request);

  private:
    ReplayDifference explain(const backend::SampleRow& row, std::int32_t place, TokenId recorded);

    backend::Backend& backend_;
    model::PlanRequest limits_;
    std::int32_t vocabulary_ = 0;
    TokenId padding_from_ = -1;
    backend::SequenceRunner runner_;
};

}  // namespace gptoss::engine
