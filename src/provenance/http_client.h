// HTTP requests through libcurl: what downloads and the chain client need, and no more. Blocking; one object
// a thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gptoss::provenance {

struct HttpRequest {
    std::string url;
    std::vector<std::string> headers;         // "Name: value"
    std::string body;                         // POST when not empty
    std::string method = {};                  // another than GET or POST
    std::int64_t timeout_ms = 30'000;         // of the whole exchange; 0 = none, for downloads
    std::int64_t stall_timeout_ms = 30'000;   // gives up when fewer than 1 KB/s arrive for so long
    std::int64_t bytes_per_second_max = 0;    // 0 = unlimited
    std::uint64_t body_bytes_max = 64 << 20;  // of a reply kept in memory; more is an error
    bool follows_redirects = true;
    std::function<bool()> keep_going = {};  // asked about once a second; false gives the exchange up
};

struct HttpReply {
    int status = 0;                              // of the last hop, after redirects
    std::map<std::string, std::string> headers;  // of the last hop, names in lower case
    std::string body;                            // empty when a sink took it
    std::string network_error;                   // empty when the exchange was complete
};

class HttpClient {
  public:
    HttpClient();
    ~HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;

    // Called with the reply's status and headers before the first byte of a body that matters (not of a
    // redirect), and with every piece; false stops the exchange.
    using HeadSink = std::function<bool(const HttpReply&)>;
    using BodySink = std::function<bool(std::span<const std::byte>)>;

    // Never throws for what the network does: network_error and status say what happened. A redirect never leaves http(s),
    // and an Authorization header is not sent on to another host.
    HttpReply perform(const HttpRequest& request, const HeadSink& on_head = {}, const BodySink& on_body = {});

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::provenance
