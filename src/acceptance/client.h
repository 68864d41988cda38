// A client of one server: plain requests, chat answers, streams that can be left in the middle.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "acceptance/answer.h"

namespace gptoss::acceptance {

struct ClientOptions {
    std::string url;      // of the server, without /v1
    std::string api_key;  // empty = none is sent
    std::int64_t timeout_ms = 120'000;
};

struct PlainReply {
    int status = 0;       // 0 = no reply
    std::string problem;  // of the network; empty when there was a reply
    std::string body;
    Json json;  // discarded() or null when the body is none
};

// Holds no connection between calls, so that one client can be used from several threads.
class Client {
  public:
    explicit Client(ClientOptions options) : options_(std::move(options)) {}

    const std::string& url() const { return options_.url; }

    PlainReply get(const std::string& path) const;
    PlainReply post(const std::string& path, const std::string& body) const;

    // POST /v1/chat/completions. Never throws for what the server does: Answer::problem says what went wrong.
    Answer chat(const Json& request) const;

    // The same with "stream": true; `keep_going` is asked after every event, false leaves.
    Answer stream(Json request, const std::function<bool(const Answer&)>& keep_going = {}) const;

  private:
    ClientOptions options_;
};

}  // namespace gptoss::acceptance
