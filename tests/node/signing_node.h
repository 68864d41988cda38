// A node in this process that signs what it answers, and requests of every kind to ask it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../engine/recording_sink.h"
#include "backend/devices/devices.h"
#include "node/loaded_model.h"
#include "node/receipt_replay.h"
#include "support/temporary_folder.h"

namespace gptoss::node {

namespace chain = provenance::chain;

// The CPU, or the device that GPTOSS_TEST_DEVICE names (cuda).
inline std::vector<Device> tested_device() {
    const char* given = std::getenv("GPTOSS_TEST_DEVICE");
    const std::string name = given == nullptr ? "cpu" : given;
    return {{name,
             [name](const model::Weights& weights, const model::PlanRequest& request) {
                 return backend::device_needs(name, weights, request);
             },
             [name](const model::Weights& weights, const backend::BackendOptions& options,
                    const backend::LoadProgress& progress) {
                 return backend::make_backend(name, weights, options, progress);
             }}};
}

inline const std::string kHostKey = "0x" + std::string(63, '0') + "1";

// What is asked, and by which way.
struct Ask {
    api::HandlerResult (api::Service::*endpoint)(std::string_view, const api::Caller&) = &api::Service::chat;
    api::Json body;
};

class SigningNode {
  public:
    explicit SigningNode(Settings settings) {
        settings.receipts = ReceiptsMode::tokens;
        settings.receipts_path = folder_.path() / "receipts.sqlite";
        settings.host_private_key = kHostKey;
        settings.determinism = Determinism::on;
        settings.threads = 1;  // tests run side by side: threads that spin for each other would take turns
        model = load_model(settings, tested_device(), [](const std::string&, std::int64_t, std::int64_t) {});
        api::ServiceOptions options;
        options.date = "2026-11-22";
        service = std::make_shared<api::Service>(model.engine, model.served, options, nullptr);
    }

    // All at once; the receipts of all their choices, as GET /v1/receipts/{id} has them. `disturb` is called
    // between looks at them.
    template <class Disturb>
    std::vector<nlohmann::json> receipts_of(const std::vector<Ask>& asks, Disturb& disturb) {
        std::vector<std::unique_ptr<api::ResponseStream>> running;
        for (std::size_t i = 0; i < asks.size(); ++i)
            running.push_back(std::get<std::unique_ptr<api::ResponseStream>>((*service.*asks[i].endpoint)(
                asks[i].body.dump(), {"client-" + std::to_string(i % 5), [] {}})));
        std::vector<nlohmann::json> receipts;
        for (std::size_t i = 0; i < running.size(); ++i) {
            api::ResponseStream::Output output;
            while (!(output = running[i]->take()).finished) {
                disturb();
                std::this_thread::sleep_for(std::chrono::microseconds(200));
            }
            EXPECT_EQ(output.reply.status, 200) << output.reply.body << asks[i].body;
            const api::Json reply = api::Json::parse(output.reply.body);
            for (std::size_t choice = 0; choice < reply["choices"].size(); ++choice) {
                const std::string suffix = choice == 0 ? "" : "." + std::to_string(choice);
                const auto receipt = model.served.receipts->find(reply["id"].get<std::string>() + suffix);
                EXPECT_TRUE(receipt.has_value()) << asks[i].body;
                if (receipt) receipts.push_back(nlohmann::json::parse(receipt->dump()));
            }
        }
        return receipts;
    }

  private:
    test::TemporaryFolder folder_;

  public:
    LoadedModel model;
    std::shared_ptr<api::Service> service;
};

// Others on the same engine, who go first, need many blocks and leave in the middle: those who are watched are
// preempted, batched with them and computed again.
class Disturbance {
  public:
    Disturbance(engine::Engine& engine, unsigned seed) : engine_(engine), random_(seed) {}
    ~Disturbance() {
        for (const Other& other : running_) engine_.cancel(other.id);
        for (const Other& other : running_) other.sink->wait();
    }

    void operator()() {
        for (const Other& other : running_)
            if (other.sink->tokens().size() >= other.patience) engine_.cancel(other.id);
        std::erase_if(running_, [](const Other& other) { return other.sink->finishes() > 0; });
        if (running_.size() >= 3) return;
        engine::GenerationRequest request;
        const std::size_t room = static_cast<std::size_t>(engine_.options().context_length);
        const std::size_t length = 1 + random_() % (room / 2);
        while (request.prompt.size() < length)
            request.prompt.push_back(static_cast<TokenId>(random_() % 4000));
        request.sampling.temperature = 1.5F;
        request.sampling.seed = random_();
        request.priority = 1;
        const auto sink = std::make_shared<test::RecordingSink>();
        const engine::RequestId id = engine_.submit(std::move(request), sink);
        running_.push_back({id, sink, random_() % (room / 2)});
    }

  private:
    struct Other {
        engine::RequestId id;
        std::shared_ptr<test::RecordingSink> sink;
        std::size_t patience;  // tokens after which it leaves
    };
    engine::Engine& engine_;
    std::mt19937 random_;
    std::vector<Other> running_;
};

// Some request; all kinds come up.
class RandomAsks {
  public:
    explicit RandomAsks(unsigned seed) : random_(seed) {}

    Ask next() {
        if (below(6) == 0) return completion();
        api::Json body{{"messages", messages()}};
        set_sampling(body);
        static constexpr const char* kEfforts[] = {"low", "medium", "high"};
        body["reasoning_effort"] = kEfforts[below(3)];
        body["max_tokens"] = 8 + below(160);
        if (below(3) == 0) offer_tools(body);
        if (below(4) == 0) ask_for_json(body);
        if (below(4) == 0) body["stop"] = api::Json::array({"e", " the", "\n"});
        return {&api::Service::chat, body};
    }
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  private:
    std::string question() {
        static const char* const kQuestions[] = {"What is 47 + 38?",
                                                 "Count to 12.",
                                                 "Who wrote Hamlet?",
                                                 "Tell me a joke.",
                                                 "Write a short poem about computers.",
                                                 "What is the weather in Rome?",
                                                 "Repeat after me: one two three",
                                                 "What is the capital of France?",
                                                 "Who are you?"};
        return kQuestions[below(std::size(kQuestions))];
    }
    api::Json messages() {
        api::Json messages = api::Json::array();
        if (below(3) == 0)
            messages.push_back({{"role", "system"},
                                {"content", "You answer at length. " +
                                                std::string(static_cast<std::size_t>(below(200)), 'x')}});
        messages.push_back({{"role", "user"}, {"content", question()}});
        if (below(3) == 0) {
            messages.push_back({{"role", "assistant"}, {"content", "Well."}});
            messages.push_back({{"role", "user"}, {"content", question()}});
        }
        return messages;
    }
    void set_sampling(api::Json& body) {
        body["seed"] = random_();
        body["temperature"] = std::array{0.0, 0.7, 1.0, 1.3}[static_cast<std::size_t>(below(4))];
        if (below(4) == 0) body["top_p"] = 0.8;
        if (below(5) == 0) body["top_k"] = 7;
        if (below(6) == 0) body["min_p"] = 0.05;
        if (below(4) == 0) body["frequency_penalty"] = 0.6;
        if (below(5) == 0) body["presence_penalty"] = 0.4;
        if (below(6) == 0) body["repetition_penalty"] = 1.2;
        if (below(6) == 0) body["logit_bias"] = {{std::to_string(below(3000)), 4.5}};
        if (below(5) == 0) body["n"] = 1 + below(3);
        if (below(4) == 0) {
            body["logprobs"] = true;
            body["top_logprobs"] = below(4);
        }
    }
    void offer_tools(api::Json& body) {
        const auto tool = [](const char* name, bool strict) {
            return api::Json{
                {"type", "function"},
                {"function",
                 {{"name", name},
                  {"description", "Looks something up."},
                  {"strict", strict},
                  {"parameters",
                   {{"type", "object"},
                    {"properties", {{"place", {{"type", "string"}}}, {"days", {{"type", "integer"}}}}},
                    {"required", {"place", "days"}},
                    {"additionalProperties", false}}}}}};
        };
        body["tools"] = api::Json::array({tool("get_weather", true), tool("find", below(2) == 0)});
        static constexpr const char* kChoices[] = {"auto", "required", "none"};
        body["tool_choice"] = kChoices[below(3)];
        if (below(3) == 0) body["parallel_tool_calls"] = true;
    }
    void ask_for_json(api::Json& body) {
        if (below(2) == 0) {
            body["response_format"] = {{"type", "json_object"}};
            return;
        }
        body["response_format"] = {{"type", "json_schema"},
                                   {"json_schema",
                                    {{"name", "answer"},
                                     {"strict", true},
                                     {"schema",
                                      {{"type", "object"},
                                       {"properties",
                                        {{"answer", {{"type", "string"}}},
                                         {"sure", {{"type", "boolean"}}},
                                         {"parts", {{"type", "array"}, {"items", {{"type", "integer"}}}}}}},
                                       {"required", {"answer", "sure", "parts"}},
                                       {"additionalProperties", false}}}}}};
    }
    Ask completion() {
        api::Json body{{"prompt", "Once upon a time " + question()}, {"max_tokens", 8 + below(60)}};
        set_sampling(body);
        body.erase("logprobs");
        body.erase("top_logprobs");
        if (below(3) == 0) body["stop"] = api::Json::array({".", "ing"});
        return {&api::Service::completions, body};
    }

    std::mt19937 random_;
};

}  // namespace gptoss::node
