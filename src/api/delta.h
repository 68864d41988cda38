// What every endpoint's reply is made of: pieces, in the order they were generated. Streaming writes each
// piece as it comes, a whole reply collects the same pieces in a Transcript, so the two cannot differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::api {

struct Delta {
    enum class Kind {
        reasoning,
        content,         // what the user sees: the answer, or a preamble before a call
        call_begin,      // call_id and name are set
        call_arguments,  // text is a piece of the arguments
    };
    Kind kind = Kind::content;
    std::string text;
    std::int32_t call_index = -1;
    std::string call_id;
    std::string name;
    std::vector<backend::SampledToken> logprobs;  // of the tokens that made this text, when asked for
    std::int32_t tokens = 0;                      // sampled so far, markup included
};

struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;
};

// A choice's deltas, put together.
struct Transcript {
    std::string reasoning;
    std::string content;
    std::vector<ToolCall> calls;
    std::vector<backend::SampledToken> logprobs;

    void add(const Delta& delta);
};

}  // namespace gptoss::api
