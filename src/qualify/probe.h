// A probe: a step of known size at a known depth (or a text in several), computed by one set of kernels, whose logits are compared
// with the float32 reference. Small, so that hundreds of them fit into minutes; exact about where it was run,
// so that a kernel that is wrong at one shape or depth alone is found and named.
//
// Depth costs nothing: the history of a sequence is a few real blocks of keys and values, named again and
// again by its block table. Attention reads as many keys at the true positions as after a real prompt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/weights.h"

namespace gptoss::qualify {

struct Probe {
    std::int32_t sequences = 1;
    std::int32_t tokens = 1;  // of each sequence, at consecutive positions
    std::int32_t depth = 0;   // positions before them, a multiple of model::kBlockTokens
    std::int32_t input = 0;   // which tokens: another number, others
    // Computed so many tokens of each sequence at a time, so that later ones read what these very kernels wrote into the
    // cache; 0 = all in one step.
    std::int32_t piece = 0;

    std::int32_t step_tokens() const { return sequences * tokens; }
    // A single row may be another one's by rounding alone (judge.h), so at least five rows are looked at: several of
    // each prompt, its last one among them, or the same step with several draws of tokens.
    std::int32_t rows_of_sequence() const;
    std::int32_t draws() const;
    // "8 x 1 token at 65536", "200 tokens, 40 at a time"
    std::string name() const;
    bool operator==(const Probe&) const = default;
};

struct ProbeOutcome {
    // [draw][sequence][row][vocabulary], from the first time it was computed.
    std::vector<float> logits;
    // The same probe was computed again after others: an equal input must give equal bits. A race, or a
    // workspace that still holds what another step left there, shows here.
    bool repeatable = true;
    double step_ms = 0;  // forward, sample and wait of one step, or of all its pieces: the median
};

// The probes for a model and a device that computes at most `most_tokens` tokens a step: each number of tokens
// at which a kernel may change, shallow and deep, up to the last position. Deep steps have at most
// `most_deep_tokens` (but for one block at the end): each of their tokens attends to all before it, which takes a CPU long.
std::vector<Probe> probes_for(const model::Hyperparameters& shape, std::int32_t most_tokens,
                              std::int32_t most_deep_tokens);

// How probes are computed.
struct ProbeMode {
    std::int32_t passes = 3;   // every one so often, the order turned round each time
    bool times_alone = false;  // no logits are read
    // Many of them in one step: the float32 reference, whose rows do not depend on each other, reads its weights once.
    bool together = false;
};

// What a backend must be planned with to take all of them.
model::PlanRequest plan_request_for(const std::vector<Probe>& probes, const model::Hyperparameters& shape,
                                    const model::KvTypes& kv_types, bool together = false);

// `backend` was made with the plan. Throws what the backend throws.
std::vector<ProbeOutcome> run_probes(backend::Backend& backend, const model::MemoryPlan& plan,
                                     const model::Hyperparameters& shape, const std::vector<Probe>& probes,
                                     const ProbeMode& mode = {});

// `count` layers from `first` on with the model's embedding, norm and head: a small model made of true weights.
// `first` is even, so that sliding and full layers stay what they are. Views: `weights` must outlive it.
model::Weights slice_of(const model::Weights& weights, std::int32_t first, std::int32_t count);

}  // namespace gptoss::qualify
