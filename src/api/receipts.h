// What a node that signs its answers learns about each of them. The signing itself is not the API's
// business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_reader.h"
#include "backend/sampling.h"
#include "engine/fingerprint.h"

namespace gptoss::api {

// The texts whose hashes stand in the receipts of all of a request's choices (reply_form.h).
struct SignedForm {
    std::string text, tools;
};

// One choice that came to its own end: cancelled and failed ones have none.
struct AnsweredChoice {
    std::string id;  // the reply's id; for further choices with ".1", ".2", …
    std::vector<TokenId> prompt, output;
    std::int32_t reasoning_tokens = 0;  // of `output`: those of the analysis channel
    backend::SamplingParameters sampling;
    std::vector<backend::TokenBias> biases;
    bool constrained = false;  // tokens outside the form asked for could not be drawn
    std::int64_t completed_at_s = 0;
    std::shared_ptr<const SignedForm> form;
    std::string finish;                             // "stop", "length", "tool_calls" or "stop_string"
    std::int32_t max_tokens = 0;                    // the most that could be generated
    std::vector<engine::Fingerprint> fingerprints;  // where they are wanted
};

class Receipts {
  public:
    virtual ~Receipts() = default;

    virtual bool wants_fingerprints() const { return false; }

    // Any thread; never blocks.
    virtual void add(AnsweredChoice choice) = 0;

    // Nothing when there is none, or none any more. Throws Error(file_unreadable) when they cannot be read.
    virtual std::optional<Json> find(std::string_view id) = 0;

    // The last ones written, newest first, at most so many. Throws as find() does.
    virtual std::vector<Json> latest(int count) = 0;
};

}  // namespace gptoss::api
