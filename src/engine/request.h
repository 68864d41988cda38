// A request on the engine's thread: its sequence as the scheduler sees it, and everything the scheduler does
// not need to know.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/sequence.h"

namespace gptoss::engine {

using Clock = std::chrono::steady_clock;

// How often each token occurred, in the form SampleRow wants it. Kept only while a penalty is on.
class TokenCounts {
  public:
    void add(TokenId token, std::int32_t count) {
        const auto [place, is_new] = place_.try_emplace(token, counts_.size());
        if (is_new) counts_.push_back({token, 0});
        counts_[place->second].count += count;
    }
    std::span<const backend::TokenCount> all() const { return counts_; }

  private:
    std::vector<backend::TokenCount> counts_;
    std::unordered_map<TokenId, std::size_t> place_;
};

// Which mask a row was sampled under: equal identities are equal masks, as far as that is known.
struct MaskIdentity {
    bool empty = true;  // every token is allowed
    std::uint64_t id = 0;
    bool is_known() const { return empty || id != 0; }
    bool operator==(const MaskIdentity&) const = default;
};

struct Request final : Sequence {
    backend::SamplingParameters sampling;
    std::vector<backend::TokenBias> biases;
    std::vector<TokenId> stop_tokens;
    std::shared_ptr<TokenConstraint> constraint;
    std::shared_ptr<GenerationSink> sink;
    TokenCounts counts;
    std::span<const std::uint32_t> allowed;  // what the constraint allows now
    MaskIdentity mask;
    TokenId only_token = -1;      // the only one that `allowed` holds; -1 = there are several
    std::int32_t unreported = 0;  // the last of `tokens`, which the sink does not have yet
    bool has_sampled = false;     // since then it hears of each at once
    bool fingerprint = false;
    std::int32_t fingerprint_from = 0;  // the next one's place, or a later one's

    Clock::time_point submitted, admitted, first_token, last_token;

    bool has_penalties() const {
        return sampling.repetition_penalty != 1 || sampling.frequency_penalty != 0 ||
               sampling.presence_penalty != 0;
    }
    bool stops_at(TokenId token) const { return std::ranges::find(stop_tokens, token) != stop_tokens.end(); }
    // With `more` tokens it would be as long as it may become.
    bool is_full(std::int32_t more) const {
        return static_cast<std::int32_t>(tokens.size()) + more >= token_limit;
    }
    // Tokens of the answer that the sink has heard of.
    std::int32_t generated() const {
        return static_cast<std::int32_t>(tokens.size()) - prompt_count - unreported;
    }
};

}  // namespace gptoss::engine
