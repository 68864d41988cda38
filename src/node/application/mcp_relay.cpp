#include "node/application/mcp_relay.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "base/error.h"
#include "base/limits.h"
#include "http/replies.h"
#include "node/application/named_addresses.h"
#include "provenance/http_client.h"

namespace gptoss::node {

namespace {

using api::Caller;
using api::HandlerResult;
using api::HttpResponse;
using api::Json;

// What the protocol needs beside the body, in either direction.
constexpr std::array<std::string_view, 2> kHandedOn{"Mcp-Session-Id", "MCP-Protocol-Version"};
constexpr std::size_t kLongestHeader = 1024;

bool is_plain(std::string_view text) {
    return text.size() <= kLongestHeader &&
           std::ranges::all_of(text, [](char letter) { return letter > ' ' && letter < 0x7f; });
}

HttpResponse bad_gateway(const std::string& name, const std::string& why) {
    return http::error_reply(
        Error(ErrorCode::network_failed, "The MCP server \"" + name + "\" " + why,
              "Whoever looks after this node can see to it: its address is in GPTOSS_MCP_SERVERS_FILE."),
        502);
}

std::optional<std::string> media_type_taken(const provenance::HttpReply& reply) {
    const auto found = reply.headers.find("content-type");
    if (found == reply.headers.end())
        return reply.body.empty() ? std::optional("application/json") : std::nullopt;
    for (const char* type : {"application/json", "text/event-stream"})
        if (found->second.starts_with(type)) return type;
    return std::nullopt;
}

HttpResponse reply_of(const std::string& name, provenance::HttpReply theirs) {
    if (!theirs.network_error.empty()) return bad_gateway(name, "does not answer: " + theirs.network_error);
    if (theirs.status >= 300 && theirs.status < 400)
        return bad_gateway(name, "sends elsewhere, where this node does not follow.");
    const auto type = media_type_taken(theirs);
    // The server's own refusals (its session is gone, its key is wrong) are passed on, but without its markup.
    if (!type && theirs.status < 400) return bad_gateway(name, "answers with something that is not MCP.");
    HttpResponse reply;
    // Not 401: the page would take it for its own key's.
    reply.status = theirs.status == 401 || theirs.status == 403 ? 502 : theirs.status;
    reply.content_type = type.value_or("application/json");
    reply.body =
        type ? std::move(theirs.body)
             : Json{{"error", {{"message", "The MCP server answered " + std::to_string(theirs.status)}}}}
                   .dump();
    for (const std::string_view header : kHandedOn) {
        std::string lower(header);
        std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
        const auto found = theirs.headers.find(lower);
        if (found != theirs.headers.end() && is_plain(found->second))
            reply.headers.emplace_back(std::string(header), found->second);
    }
    return reply;
}

// One call: made on a thread of the pool, fetched by the connection.
struct Call {
    std::string name;
    provenance::HttpRequest request;
    std::shared_ptr<std::atomic<bool>> stop;  // of the whole relay
    std::atomic<bool> is_abandoned = false, is_done = false;
    HttpResponse reply;
    std::function<void()> wake;

    void run() {
        if (is_abandoned) return;
        request.keep_going = [this] { return !is_abandoned && !*stop; };
        reply = reply_of(name, provenance::HttpClient().perform(request));
        is_done = true;
        wake();
    }
};

class CallStream final : public api::ResponseStream {
  public:
    explicit CallStream(std::shared_ptr<Call> call) : call_(std::move(call)) {}
    ~CallStream() override { call_->is_abandoned = true; }

    bool streams() const override { return false; }
    Output take() override {
        Output output;
        if (call_->is_done) {
            output.finished = true;
            output.reply = std::move(call_->reply);
        } else if (cancelled_) {
            output.finished = true;
            output.reply = bad_gateway(call_->name, "was not waited for: the call was ended.");
        }
        return output;
    }
    void cancel() override { cancelled_ = call_->is_abandoned = true; }

  private:
    std::shared_ptr<Call> call_;
    bool cancelled_ = false;
};

}  // namespace

McpRelay::McpRelay(McpOptions options)
    : options_(std::move(options)), stop_(std::make_shared<std::atomic<bool>>(false)) {
    if (options_.servers_file.empty()) return;
    read_named_addresses(options_.servers_file);
    pool_ = std::make_unique<http::WorkerPool>(
        http::WorkerPoolOptions{options_.calls_at_once, limits::kMcpCallsWaiting, 0});
}

McpRelay::~McpRelay() {
    *stop_ = true;
}

HandlerResult McpRelay::names() const {
    Json servers = Json::array();
    if (pool_ != nullptr)
        for (const NamedAddress& server : read_named_addresses(options_.servers_file))
            servers.push_back({{"name", server.name}});
    return api::json_reply({{"servers", std::move(servers)}});
}

HandlerResult McpRelay::call(const http::HttpRequest& request, const Caller& caller) {
    const auto servers =
        pool_ == nullptr ? std::vector<NamedAddress>() : read_named_addresses(options_.servers_file);
    const auto server =
        std::ranges::find_if(servers, [&](const auto& each) { return each.name == request.rest; });
    if (server == servers.end())
        throw Error(ErrorCode::not_found, "No MCP server is called \"" + request.rest + "\" here.",
                    "GET /v1/mcp lists them; GPTOSS_MCP_SERVERS_FILE names them.");
    if (request.body.empty())
        throw Error(ErrorCode::request_invalid, "The body must be a message of MCP, in JSON.");
    if (request.body.size() > limits::kMcpRequestBytes)
        throw Error(ErrorCode::request_invalid, "The body has more than " +
                                                    std::to_string(limits::kMcpRequestBytes) +
                                                    " bytes, which is the most that is handed on.");
    auto call = std::make_shared<Call>();
    call->name = server->name;
    call->stop = stop_;
    call->wake = caller.wake;
    call->request.url = server->url;
    call->request.body = request.body;
    call->request.headers = {"Content-Type: application/json", "Accept: application/json, text/event-stream"};
    if (!server->header.empty()) call->request.headers.push_back(server->header);
    for (const std::string_view header : kHandedOn) {
        const std::string value(request.headers.value(std::string(header)));
        if (!value.empty() && is_plain(value))
            call->request.headers.push_back(std::string(header) + ": " + value);
    }
    call->request.timeout_ms = call->request.stall_timeout_ms = options_.timeout_ms;
    call->request.body_bytes_max = limits::kMcpReplyBytes;
    call->request.follows_redirects = false;  // the list says where a call may go
    if (!pool_->submit(caller.name, [call] { call->run(); }))
        throw Error(ErrorCode::queue_full, "Too many calls of MCP servers are under way.",
                    "Try again in 2 s.", {{"retry_after_s", "2"}});
    return std::make_unique<CallStream>(std::move(call));
}

void McpRelay::add_routes(http::Router& router) {
    router.add({"GET", "/v1/mcp", false,
                [this](const http::HttpRequest&, const Caller&) -> HandlerResult { return names(); },
                http::RunsOn::disk});
    router.add({"POST", "/v1/mcp/*", false,
                [this](const http::HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return call(request, caller);
                },
                http::RunsOn::disk, true});
}

}  // namespace gptoss::node
