#include "node/application/market_routes.h"

#include <atomic>
#include <memory>

#include "api/error_reply.h"
#include "http/upgrade.h"
#include "http/websocket.h"
#include "marketplace/socket_protocol.h"
#include "provenance/marketplace/host_proof.h"

namespace gptoss::node {

namespace asio = boost::asio;
using marketplace::Frames;
using marketplace::Market;
using marketplace::SocketProtocol;

namespace {

// A message on its way through a worker. It outlives the connection, as it may be asking the chain.
struct MessageJob {
    std::shared_ptr<SocketProtocol> protocol;
    http::WebSocket::Message message;
    SocketProtocol::Charge charge;  // holds its place among the client's requests
    std::function<void()> wake;
    std::atomic<bool> done = false;

    void run() {
        protocol->receive(message.text, std::move(charge));
        done = true;
        if (wake) wake();
    }
};

class MarketSocket final : public http::Upgrade {
  public:
    MarketSocket(NodeState& state, std::shared_ptr<Market> market)
        : state_(state), market_(std::move(market)) {}

    asio::awaitable<void> run(http::UpgradedConnection upgraded) override {
        co_await http::WebSocket::serve(
            upgraded, [this, &upgraded](http::WebSocket& socket) { return converse(upgraded, socket); });
    }

  private:
    asio::awaitable<void> converse(http::UpgradedConnection& upgraded, http::WebSocket& socket) {
        const auto find_service = [&state = state_] {
            state.require_usable_gpu();
            return state.service();
        };
        const auto protocol = std::make_shared<SocketProtocol>(market_, find_service, upgraded.caller);
        co_await socket.write(protocol->greeting());
        std::shared_ptr<MessageJob> job;
        while (socket.is_open()) {
            if (job && job->done) job.reset();
            const bool leaving = upgraded.is_shutting_down();
            if (!job && !leaving) job = next_message(upgraded, socket, protocol);
            const Frames frames = protocol->take();
            for (const std::string& frame : frames) {
                if (!co_await socket.write(frame)) co_return;
            }
            if (leaving && !job && !protocol->is_generating()) co_return;
            if (!frames.empty()) continue;
            const auto began = std::chrono::steady_clock::now();
            co_await socket.wait(upgraded.options.keep_alive_interval);
            if (std::chrono::steady_clock::now() - began >= upgraded.options.keep_alive_interval)
                protocol->keep_alive();
        }
    }

    // A message that has come goes to a worker: null when there is none, or it was answered at once.
    static std::shared_ptr<MessageJob> next_message(http::UpgradedConnection& upgraded,
                                                    http::WebSocket& socket,
                                                    const std::shared_ptr<SocketProtocol>& protocol) {
        auto message = socket.take();
        if (!message) return nullptr;
        if (SocketProtocol::is_quick(message->text)) {
            protocol->receive(message->text);
            return nullptr;
        }
        auto job = std::make_shared<MessageJob>();
        job->protocol = protocol;
        try {
            const auto admission = std::make_shared<http::ClientLimits::Admission>(upgraded.admit());
            job->charge = [admission](const api::ResponseStream::TokenUsage& spent) {
                admission->finish(spent.prompt_tokens, spent.completion_tokens);
            };
        } catch (const Error& error) {
            protocol->refuse(error);
            return nullptr;
        }
        job->message = *std::move(message);
        job->wake = upgraded.caller.wake;
        const std::size_t message_bytes = job->message.text.size();
        if (upgraded.workers.submit(http::RunsOn::chain, upgraded.caller.name, message_bytes,
                                    [job] { job->run(); }))
            return job;
        protocol->refuse(Error(ErrorCode::queue_full, "Too many requests wait already.", "Try again later."));
        return nullptr;
    }

    NodeState& state_;
    std::shared_ptr<Market> market_;
};

}  // namespace

void add_market_routes(http::Router& router, NodeState& state) {
    // Whose sessions are paid needs no key: the marketplace's clients have none.
    http::Route socket{"GET", "/v1/ws", state.sessions_are_paid(),
                       [](const http::HttpRequest&, const api::Caller&) -> api::HandlerResult {
                           return http::websocket_only_reply("ask POST /v1/inference");
                       }};
    socket.upgrade = [&state](const http::HttpRequest&, const api::Caller&) {
        return std::make_unique<MarketSocket>(state, state.market());
    };
    router.add(std::move(socket));
    router.add({"GET", "/v1/checkpoints/*", true,
                [&state](const http::HttpRequest& request, const api::Caller&) -> api::HandlerResult {
                    const auto market = state.market();
                    const auto index = market->checkpoints() != nullptr
                                           ? market->checkpoints()->index(request.rest)
                                           : std::nullopt;
                    if (!index)
                        throw Error(ErrorCode::not_found, "There are no checkpoints of this session.");
                    api::HttpResponse reply;
                    reply.body = index->dump();
                    return reply;
                },
                http::RunsOn::disk});
    router.add(
        {"POST", "/v1/auth/challenge", true,
         [&state](const http::HttpRequest& request, const api::Caller&) -> api::HandlerResult {
             const api::Json body = api::parse_json(request.body);
             const auto market = state.market();
             if (market->host_key() == nullptr)
                 throw Error(ErrorCode::not_found, "This node has no host key.",
                             "Set HOST_PRIVATE_KEY_FILE.");
             const auto answer = provenance::marketplace::answer_challenge(
                 api::Fields(body, "").text("challenge"), *market->host_key());
             if (!answer) api::refuse_field("challenge", "must be 32 bytes as hexadecimal digits.");
             return api::json_reply({{"signature", answer->signature}, {"recid", answer->recovery_id}});
         }});
}

}  // namespace gptoss::node
