// The API over the real renderer, engine and parser; only the model is a script.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/service.h"
#include "support/scripted_backend.h"

namespace gptoss::test {

// The vocabulary cut from o200k.
std::shared_ptr<const Tokenizer> cut_tokenizer();

struct ApiOptions {
    bool constrained = true;
    int queue_limit = 1024;
    bool jump_ahead = true;
    std::shared_ptr<api::Receipts> receipts;
    api::GenerationObserver* observer = nullptr;
    ScriptedOptions backend;
    api::ServiceOptions service;
};

class Api {
  public:
    explicit Api(ApiOptions options = {});

    // What the model says from now on, with special tokens spelled:
    // "<|channel|>final<|message|>Hi<|return|>". After it comes <|return|> for ever.
    void say(const std::string& text);
    void say_tokens(std::vector<TokenId> tokens);

    using Endpoint = api::HandlerResult (api::Service::*)(std::string_view, const api::Caller&);

    // The reply to a request that does not stream. Errors are turned into replies as the server does it.
    api::HttpResponse ask(const api::Json& request, Endpoint endpoint = &api::Service::chat);
    api::HttpResponse ask_text(const std::string& body, Endpoint endpoint = &api::Service::chat);

    // The data of every event, "[DONE]" as a string. Throws when one is not well-formed.
    std::vector<api::Json> stream(api::Json request, Endpoint endpoint = &api::Service::chat);

    // The prompt of the last generation, decoded.
    std::string last_prompt();

    api::Service& service() { return *service_; }
    const std::shared_ptr<engine::Engine>& engine() const { return engine_; }

  private:
    // Takes until the response stream is finished; calls `handle` with what streams.
    api::HttpResponse run(api::HandlerResult answer, const std::function<void(const api::Events&)>& handle);
    api::Caller caller();

    std::mutex mutex_;
    std::condition_variable something_;
    bool woken_ = false;
    std::vector<TokenId> script_;
    std::vector<TokenId> last_prompt_;
    std::shared_ptr<engine::Engine> engine_;
    std::shared_ptr<api::Service> service_;
};

api::Json body_of(const api::HttpResponse& reply);

// {"model": …, "messages": [{"role": "user", "content": text}]}
api::Json user_says(const std::string& text);

// user_says with the function get_weather(location) on offer.
api::Json with_weather_tool(const std::string& text);

// What a client puts together from a chat stream: joined content, reasoning, calls, finish_reason, usage.
api::Json assembled(const std::vector<api::Json>& events);

}  // namespace gptoss::test
