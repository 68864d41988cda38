// What the model said when it called tools, kept until the client sends the calls back with their results.
// Two gains:
//   - a reply is rendered as it was sampled, so the next turn's prompt goes on from what the KV cache holds;
//   - a client that drops what came before a call does not make the model forget its plan.
// Bounded: the least recently used replies are forgotten first, which costs a prefix and never an answer.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harmony/message.h"

namespace gptoss::api {

// The messages of one reply that has calls, in the order in which they were generated: analysis, preambles
// (both without `sampled`) and calls.
using RememberedReply = std::vector<harmony::Message>;

// A remembered call: its reply, and its place there.
struct RecalledCall {
    std::shared_ptr<const RememberedReply> reply;
    std::size_t place = 0;
};

// Thread-safe.
class CallMemory {
  public:
    explicit CallMemory(std::size_t limit_bytes = std::size_t{64} << 20);

    struct CallId {
        std::string id;
        std::size_t place = 0;  // of the call among the reply's messages
    };
    // Does nothing when one of the ids is known already.
    void remember(RememberedReply reply, std::vector<CallId> calls);

    // Nothing when the call is unknown or the client changed its name or arguments. The arguments of a
    // function are compared as JSON, the input of a custom tool byte by byte. `name` is without "functions.".
    std::optional<RecalledCall> recall(const std::string& call_id, std::string_view name,
                                       std::string_view arguments);

  private:
    struct Entry {
        std::shared_ptr<const RememberedReply> reply;
        std::vector<CallId> calls;
        std::size_t size_bytes = 0;
    };
    struct Known {
        std::list<Entry>::iterator entry;
        std::size_t place = 0;
    };
    void forget_oldest();

    std::mutex mutex_;
    std::size_t limit_bytes_;
    std::size_t size_bytes_ = 0;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<std::string, Known> by_id_;
};

}  // namespace gptoss::api
