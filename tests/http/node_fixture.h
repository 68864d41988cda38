// A server on a free port over the real engine, with a script for a model.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "api/api_fixture.h"
#include "http/server.h"
#include "node/application/routes.h"

namespace gptoss::test {

using namespace std::chrono_literals;

inline constexpr const char* kChat = "/v1/chat/completions";

inline std::string chat_body(bool stream = false, const std::string& more = "") {
    return R"({"messages":[{"role":"user","content":"hi"}],"stream":)" +
           std::string(stream ? "true" : "false") + more + "}";
}

inline ApiOptions observed(ApiOptions options, node::Metrics& metrics) {
    options.observer = &metrics;
    return options;
}

struct Node {
    explicit Node(ApiOptions api_options = {}, http::ServerOptions options = {}, http::ApiKeys keys = {})
        : api(observed(std::move(api_options), metrics)), router(node::make_routes(state, metrics)) {
        options.port = 0;
        spdlog::set_level(spdlog::level::warn);  // not a line for each of ten thousand requests
        server = std::make_unique<http::Server>(options, router, keys, metrics);
        state.set_ready(std::shared_ptr<api::Service>(std::shared_ptr<void>(), &api.service()));
        api.say("<|channel|>final<|message|>Hello there.<|return|>");
    }
    std::uint16_t port() const { return server->port(); }
    int running() { return api.engine()->stats().running; }
    bool becomes_idle() {
        for (int i = 0; i < 3000 && running() > 0; ++i) std::this_thread::sleep_for(1ms);
        return running() == 0;
    }

    node::Metrics metrics;
    node::NodeState state;
    Api api;
    http::Router router;
    std::unique_ptr<http::Server> server;
};

// A model that speaks for a long time: 8 ms a token.
inline ApiOptions slow_model() {
    ApiOptions options;
    options.backend.step_ms = 8;
    return options;
}
inline const std::string kLongAnswer = "<|channel|>final<|message|>" + std::string(3000, 'x');

}  // namespace gptoss::test
