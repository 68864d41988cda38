#include "provenance/chain/json_rpc.h"

#include <sstream>

#include "base/bounded_json.h"
#include "base/error.h"

namespace gptoss::provenance::chain {
namespace {

constexpr std::size_t kMostMessageBytes = 500;  // of an endpoint's own words: they are logged, and shown

// The "data" of an error is a hex string, or an object that holds one, depending on the node's make.
std::string refusal_data(const nlohmann::json& error) {
    if (!error.contains("data")) return {};
    const auto& data = error["data"];
    if (data.is_string()) return data.get<std::string>();
    if (data.is_object() && data.contains("data") && data["data"].is_string())
        return data["data"].get<std::string>();
    return {};
}

}  // namespace

std::string read_rpc_reply(const HttpReply& http, std::int64_t id, RpcReply& reply) {
    if (!http.network_error.empty()) return http.network_error;
    const auto json = parse_bounded_json(http.body);
    if (!json.is_object()) return "HTTP status " + std::to_string(http.status) + ", not JSON-RPC";
    if (!json.contains("id") || json["id"] != id) return "an answer to another question";
    if (json.contains("error") && json["error"].is_object()) {
        const auto& error = json["error"];
        const auto text = [&](const char* key) {
            return error.contains(key) && error[key].is_string() ? error[key].get<std::string>()
                                                                 : std::string();
        };
        const auto code = error.contains("code") && error["code"].is_number_integer()
                              ? error["code"].get<std::int64_t>()
                              : 0;
        if (http.status == 429 || code == -32005) return "it limits requests";
        reply.refused = true;
        reply.refusal = {code, text("message").substr(0, kMostMessageBytes), refusal_data(error)};
        return {};
    }
    if (http.status != 200 || !json.contains("result"))
        return "HTTP status " + std::to_string(http.status) + " without a result";
    reply.result = json["result"];
    return {};
}

std::vector<std::string> split_endpoints(const std::string& urls) {
    std::vector<std::string> parts;
    std::istringstream stream(urls);
    for (std::string part; std::getline(stream, part, ',');)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

std::string host_of(const std::string& url) {
    auto begin = url.find("://");
    begin = begin == std::string::npos ? 0 : begin + 3;
    std::string host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
    if (const auto at = host.rfind('@'); at != std::string::npos) host.erase(0, at + 1);
    return host;
}

JsonRpc::JsonRpc(std::vector<std::string> endpoints, std::int64_t timeout_ms)
    : endpoints_(std::move(endpoints)), timeout_ms_(timeout_ms) {
    if (endpoints_.empty())
        throw Error(ErrorCode::setting_invalid, "no RPC endpoint is set",
                    "Set RPC_URL (several: separated by commas).", {{"setting", "RPC_URL"}});
}

RpcReply JsonRpc::call(const std::string& method, const nlohmann::json& parameters) {
    std::string complaints;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        const std::size_t endpoint = (preferred_ + i) % endpoints_.size();
        const std::int64_t id = next_id_++;
        HttpRequest request{.url = endpoints_[endpoint], .headers = {"Content-Type: application/json"}};
        request.body =
            nlohmann::json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", parameters}}.dump();
        request.timeout_ms = timeout_ms_;
        request.body_bytes_max = 8 << 20;
        RpcReply reply;
        const std::string complaint = read_rpc_reply(client_.perform(request), id, reply);
        if (complaint.empty()) {
            preferred_ = endpoint;
            return reply;
        }
        complaints += (complaints.empty() ? "" : "; ") + host_of(endpoints_[endpoint]) + ": " + complaint;
    }
    throw Error(ErrorCode::network_failed, "no RPC endpoint answered " + method + ": " + complaints,
                "Check RPC_URL and the connection; several endpoints may be given, separated by commas.",
                {{"method", method}});
}

}  // namespace gptoss::provenance::chain
