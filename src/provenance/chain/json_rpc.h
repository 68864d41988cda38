// JSON-RPC over HTTP to one of several endpoints. An endpoint that cannot be reached, lags or answers garbage
// is passed over for the next; what the chain itself says (a revert, a refused transaction) is the answer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "provenance/http_client.h"

namespace gptoss::provenance::chain {

// The chain's own refusal: code and message as sent, data when there is any (a revert's bytes as hex).
struct RpcRefusal {
    std::int64_t code = 0;
    std::string message;
    std::string data;
};

struct RpcReply {
    nlohmann::json result;
    bool refused = false;
    RpcRefusal refusal;
};

// Reads an endpoint's answer to the question `id`. Fills `reply` and returns nothing, or says why this answer
// cannot be used.
std::string read_rpc_reply(const HttpReply& http, std::int64_t id, RpcReply& reply);

class JsonRpc {
  public:
    // Endpoints in order of preference. Their URLs may hold keys: errors name them by host only.
    explicit JsonRpc(std::vector<std::string> endpoints, std::int64_t timeout_ms = 15'000);

    // Throws Error(network_failed) when no endpoint answered properly, with what each did.
    RpcReply call(const std::string& method, const nlohmann::json& parameters);

  private:
    std::vector<std::string> endpoints_;
    std::int64_t timeout_ms_;
    std::size_t preferred_ = 0;  // the last one that worked
    std::int64_t next_id_ = 1;
    HttpClient client_;
};

// RPC_URL as it is set: endpoints separated by commas.
std::vector<std::string> split_endpoints(const std::string& urls);

// "https://host.example/v2/SECRET" -> "host.example".
std::string host_of(const std::string& url);

}  // namespace gptoss::provenance::chain
