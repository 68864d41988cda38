// What the model said when it called a tool, kept until the client sends the call back with its result. Two
// gains:
//   - the call's tokens are rendered exactly as they were sampled, so the next turn's prompt is a
//   continuation of what
//     the KV cache holds (the model may write a header in another order than the canonical one);
//   - a client that drops what came before a call does not make the model forget its plan.
// Bounded: the least recently used calls are forgotten first, which costs a prefix and never an answer.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/types.h"

namespace gptoss::api {

struct RememberedCall {
    std::string name;  // without "functions."
    std::string arguments;
    std::string reasoning;         // the analysis that came before it in the same reply
    std::string preamble;          // what it told the user before the call
    std::vector<TokenId> sampled;  // header included
};

// Thread-safe.
class CallMemory {
  public:
    explicit CallMemory(std::size_t limit_bytes = std::size_t{64} << 20);

    void remember(const std::string& call_id, RememberedCall call);

    // Nothing when the call is unknown or the client changed its name or arguments.
    std::optional<RememberedCall> recall(const std::string& call_id, const std::string& name,
                                         const std::string& arguments);

  private:
    struct Entry {
        std::string call_id;
        RememberedCall call;
        std::size_t size_bytes = 0;
    };
    std::mutex mutex_;
    std::size_t limit_bytes_;
    std::size_t size_bytes_ = 0;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_id_;
};

}  // namespace gptoss::api
