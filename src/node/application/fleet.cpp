#include "node/application/fleet.h"

#include <future>
#include <vector>

#include "base/error.h"
#include "node/application/named_addresses.h"
#include "provenance/http_client.h"

namespace gptoss::node {

namespace {

using namespace std::chrono_literals;
using api::Json;

constexpr auto kEvery = 3s;
constexpr auto kWhileAskedWithin = 15s;
constexpr std::int64_t kPatience_ms = 2500;
constexpr std::uint64_t kLargestStatusBytes = 256 << 10;

Json ask(const NamedAddress& node, const std::stop_token& stop) {
    provenance::HttpRequest request;
    request.url = node.url + (node.url.ends_with('/') ? "v1/status" : "/v1/status");
    if (!node.header.empty()) request.headers.push_back(node.header);
    request.timeout_ms = request.stall_timeout_ms = kPatience_ms;
    request.body_bytes_max = kLargestStatusBytes;
    request.follows_redirects = false;
    request.keep_going = [&stop] { return !stop.stop_requested(); };
    const provenance::HttpReply reply = provenance::HttpClient().perform(request);
    Json json{{"name", node.name}};
    if (!reply.network_error.empty()) {
        json["problem"] = reply.network_error;
        return json;
    }
    if (reply.status != 200) {
        json["problem"] = "it answered " + std::to_string(reply.status);
        return json;
    }
    try {
        json["status"] = api::parse_json(reply.body);
    } catch (const Error&) {
        json["problem"] = "it answered with something that is no status";
    }
    return json;
}

}  // namespace

Fleet::Fleet(std::filesystem::path file) : file_(std::move(file)) {
    if (file_.empty()) return;
    read_named_addresses(file_);
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

void Fleet::watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const auto looked_at = [this] {
            return last_asked_for_.time_since_epoch().count() != 0 &&
                   std::chrono::steady_clock::now() - last_asked_for_ < kWhileAskedWithin;
        };
        if (!wanted_.wait(lock, stop, looked_at)) return;
        lock.unlock();
        std::vector<std::future<Json>> replies;
        std::map<std::string, Json> found;
        try {
            for (const NamedAddress& node : read_named_addresses(file_))
                replies.push_back(std::async(std::launch::async, [node, &stop] { return ask(node, stop); }));
        } catch (const Error&) {  // the file was broken since the start: GET /v1/fleet says how
        }
        for (auto& reply : replies) {
            Json json = reply.get();
            const std::string name = json["name"];
            found[name] = std::move(json);
        }
        lock.lock();
        found_ = std::move(found);
        wanted_.wait_for(lock, stop, kEvery, [] { return false; });
    }
}

Json Fleet::look() {
    Json nodes = Json::array();
    if (file_.empty()) return {{"nodes", nodes}};
    const auto listed = read_named_addresses(file_);
    {
        const std::lock_guard lock(mutex_);
        last_asked_for_ = std::chrono::steady_clock::now();
        for (const NamedAddress& node : listed) {
            const auto found = found_.find(node.name);
            nodes.push_back(found == found_.end() ? Json{{"name", node.name}} : found->second);
        }
    }
    wanted_.notify_all();
    return {{"nodes", std::move(nodes)}};
}

void Fleet::add_routes(http::Router& router) {
    router.add({"GET", "/v1/fleet", false,
                [this](const http::HttpRequest&, const api::Caller&) -> api::HandlerResult {
                    return api::json_reply(look());
                },
                http::RunsOn::disk});
}

}  // namespace gptoss::node
