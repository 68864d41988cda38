// A request's answer as the server sees it: a whole reply at once, or a response stream that goes on for a while.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/event.h"
#include "api/json_reader.h"

namespace gptoss::api {

struct HttpResponse {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
};

HttpResponse json_reply(const Json& body, int status = 200);

// A generation under way. Destroying it cancels what still runs. One thread at a time.
class ResponseStream {
  public:
    virtual ~ResponseStream() = default;

    // True: send the header now and every piece as it comes (text/event-stream). False: wait for the reply.
    virtual bool streams() const = 0;

    struct Output {
        Events events;  // streaming: everything that became ready since the last call; may be empty
        bool finished = false;
        HttpResponse reply;  // not streaming: set when finished
    };
    // Never blocks. After `finished` it is not called again.
    virtual Output take() = 0;

    // Streaming: further header fields, known before the first event.
    virtual std::vector<std::pair<std::string, std::string>> headers() const { return {}; }

    // Streaming: what to send when nothing was for a while. Empty = the transport's own sign of life.
    virtual Events keep_alive() const { return {}; }

    // Asks for an early end: the output then finishes soon, as cancelled.
    virtual void cancel() {}

    // What was read and generated so far.
    struct TokenUsage {
        std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
    };
    virtual TokenUsage token_usage() const { return {}; }
};

// A request's place on its way, as clients and operators see it: "received" until its prompt is counted, "queued"
// until its turn has come, "prompt" while that is read, "generating".
std::string_view stage_name(std::int32_t prompt_read, const ResponseStream::TokenUsage& spent);

using HandlerResult = std::variant<HttpResponse, std::unique_ptr<ResponseStream>>;

// How many tokens of a prompt have been read, written by the engine's thread and read by any other.
using PromptRead = std::atomic<std::int32_t>;
inline constexpr std::int32_t kWaitsForItsTurn = -1;

// What an endpoint knows about who asks.
struct Caller {
    std::string name;            // key or address: clients take turns
    std::function<void()> wake;  // a response stream has something to take; any thread, must not block
    std::shared_ptr<PromptRead> prompt_read = {};  // what a response stream reports; may be null
};

}  // namespace gptoss::api
