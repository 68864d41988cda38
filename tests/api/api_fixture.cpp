#include "api/api_fixture.h"

#include <gtest/gtest.h>

#include <chrono>

#include "api/error_reply.h"
#include "support/o200k.h"

namespace gptoss::test {

using api::Json;

std::shared_ptr<const Tokenizer> cut_tokenizer() {
    static const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_metadata(cut_metadata()));
    return tokenizer;
}

Api::Api(ApiOptions options) {
    ScriptedOptions& scripted = options.backend;
    scripted.vocabulary = cut_tokenizer()->vocabulary_size();
    const TokenId end = cut_tokenizer()->special().return_;
    auto backend = std::make_unique<ScriptedBackend>(scripted, [this, end](const Moment& moment) {
        const std::lock_guard lock(mutex_);
        last_prompt_.assign(moment.prompt().begin(), moment.prompt().end());
        return moment.step < script_.size() ? script_[moment.step] : end;
    });
    engine::EngineOptions rest;
    rest.queue_limit = options.queue_limit;
    rest.jump_ahead = options.jump_ahead;
    engine_ = std::make_shared<engine::Engine>(std::move(backend), engine_options(scripted, rest));
    options.service.constrained = options.constrained;
    options.service.date = "2026-11-22";
    api::ServedModel model{"script", 0, cut_tokenizer()};
    model.receipts = std::move(options.receipts);
    service_ = std::make_shared<api::Service>(engine_, std::move(model), options.service, options.observer);
}

void Api::say(const std::string& text) {
    say_tokens(cut_tokenizer()->encode_with_special(text));
}

void Api::say_tokens(std::vector<TokenId> tokens) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(tokens);
}

std::string Api::last_prompt() {
    const std::lock_guard lock(mutex_);
    return cut_tokenizer()->decode(last_prompt_);
}

api::Caller Api::caller() {
    return {"test", [this] {
                const std::lock_guard lock(mutex_);
                woken_ = true;
                something_.notify_all();
            }};
}

api::HttpResponse Api::run(api::HandlerResult answer, const std::function<void(const api::Events&)>& handle) {
    if (auto* reply = std::get_if<api::HttpResponse>(&answer)) return std::move(*reply);
    const auto response_stream = std::move(std::get<std::unique_ptr<api::ResponseStream>>(answer));
    for (;;) {
        api::ResponseStream::Output output = response_stream->take();
        if (!output.events.empty()) handle(output.events);
        if (output.finished) return std::move(output.reply);
        std::unique_lock lock(mutex_);
        const bool in_time = something_.wait_for(lock, std::chrono::seconds(20), [this] { return woken_; });
        woken_ = false;
        if (!in_time) {
            ADD_FAILURE() << "the response_stream hangs";
            return {};
        }
    }
}

api::HttpResponse Api::ask(const Json& request, Endpoint endpoint) {
    return ask_text(api::to_text(request), endpoint);
}

api::HttpResponse Api::ask_text(const std::string& body, Endpoint endpoint) {
    try {
        return run((service_.get()->*endpoint)(body, caller()),
                   [](const api::Events&) { ADD_FAILURE() << "streamed"; });
    } catch (const Error& error) {
        return api::json_reply(api::openai_error(error), api::http_status(error.code()));
    }
}

std::vector<Json> Api::stream(Json request, Endpoint endpoint) {
    request["stream"] = true;
    std::vector<Json> events;
    run((service_.get()->*endpoint)(api::to_text(request), caller()), [&](const api::Events& batch) {
        for (const api::Event& event : batch)
            events.push_back(event.data == "[DONE]" ? Json(event.data) : Json::parse(event.data));
    });
    return events;
}

Json body_of(const api::HttpResponse& reply) {
    return Json::parse(reply.body);
}

Json user_says(const std::string& text) {
    return {{"model", "script"}, {"messages", Json::array({{{"role", "user"}, {"content", text}}})}};
}

Json with_weather_tool(const std::string& text) {
    Json request = user_says(text);
    request["tools"] = Json::parse(R"([{"type": "function", "function": {"name": "get_weather",
        "description": "The weather at a place.", "parameters": {"type": "object",
        "properties": {"location": {"type": "string"}}, "required": ["location"]}}}])");
    return request;
}

Json assembled(const std::vector<Json>& events) {
    Json message{
        {"content", ""}, {"reasoning", ""}, {"tool_calls", Json::array()}, {"finishes", Json::array()}};
    for (const Json& event : events) {
        if (event.is_string()) continue;
        if (event.contains("usage") && !event["usage"].is_null()) message["usage"] = event["usage"];
        if (event.contains("error")) message["error"] = event["error"];
        if (!event.contains("choices")) continue;
        for (const Json& choice : event["choices"]) {
            const Json& delta = choice["delta"];
            const auto join = [](Json& target, const Json& source, const char* name) {
                if (source.contains(name)) {
                    target[name] = target.value(name, std::string()) + source[name].get<std::string>();
                }
            };
            join(message, delta, "content");
            join(message, delta, "reasoning");
            for (const Json& call : delta.value("tool_calls", Json::array())) {
                const auto index = call["index"].get<std::size_t>();
                while (message["tool_calls"].size() <= index) message["tool_calls"].push_back(Json::object());
                Json& target = message["tool_calls"][index];
                // Strings are joined, as the official clients do it: what is said twice comes out doubled.
                join(target, call, "id");
                join(target, call, "type");
                join(target, call["function"], "name");
                join(target, call["function"], "arguments");
            }
            if (!choice["finish_reason"].is_null()) message["finishes"].push_back(choice["finish_reason"]);
        }
    }
    return message;
}

}  // namespace gptoss::test
