// POST /v1/inference, field for field as the marketplace's clients know it.
#include <gtest/gtest.h>

#include "api/api_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using api::Service;
using test::Api;
using test::body_of;

constexpr const char* kReply =
    "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>Four it "
    "is.<|return|>";

Json request() {
    return {{"model", "any"}, {"prompt", "What is 2+2?"}, {"max_tokens", 100}};
}

TEST(Inference, AnswersWithTheFieldsOfTheOlderNode) {
    Api api;
    api.say(kReply);
    Json asked = request();
    asked["request_id"] = "r-1";
    asked["chainId"] = 84532;
    asked["jobId"] = 17;
    asked["session_id"] = "17n";
    asked["webSearch"] = true;
    asked["maxSearches"] = 3;
    asked["conversation_context"] = Json::parse(R"([{"role": "user", "content": "Hi", "timestamp": 5},
                                                    {"role": "assistant", "content": "Hello!"}])");
    const Json reply = body_of(api.ask(asked, &Service::inference));
    EXPECT_EQ(reply["model"], "script");
    EXPECT_EQ(reply["content"], "Four it is.");
    EXPECT_EQ(reply["finish_reason"], "stop");
    EXPECT_EQ(reply["request_id"], "r-1");
    EXPECT_TRUE(reply["id"].get<std::string>().starts_with("inf-"));  // the receipt's
    EXPECT_EQ(reply["chain_id"], 84532);
    EXPECT_EQ(reply["chain_name"], "Base Sepolia");
    EXPECT_EQ(reply["native_token"], "ETH");
    EXPECT_EQ(reply["web_search_performed"], false);
    EXPECT_EQ(reply["tokens_used"], reply["usage"]["completion_tokens"]);
    EXPECT_EQ(reply["usage"]["context_window_size"], 4096);
    EXPECT_NE(api.last_prompt().find("<|start|>assistant<|channel|>final<|message|>Hello!<|end|>"),
              std::string::npos);
    EXPECT_FLOAT_EQ(reply["timings"]["effective"]["temperature"].get<float>(), 0.7F);
}

TEST(Inference, TellsWhyItEndedAndTakesThinking) {
    Api api;
    api.say(kReply);
    Json asked = request();
    asked["max_tokens"] = 3;
    asked["thinking"] = "disabled";
    EXPECT_EQ(body_of(api.ask(asked, &Service::inference))["finish_reason"], "length");
    EXPECT_NE(api.last_prompt().find("Reasoning: low"), std::string::npos);
    asked["thinking"] = "high";
    api.ask(asked, &Service::inference);
    EXPECT_NE(api.last_prompt().find("Reasoning: high"), std::string::npos);
}

TEST(Inference, StreamsFramesAndEndsOnce) {
    Api api;
    api.say(kReply);
    Json asked = request();
    asked["chain_id"] = 5611;
    const std::vector<Json> events = api.stream(asked, &Service::inference);
    std::string content;
    int finishes = 0;
    std::int64_t tokens = 0;
    for (const Json& event : events) {
        if (event.is_string()) continue;
        content += event["content"].get<std::string>();
        finishes += !event["finish_reason"].is_null();
        EXPECT_GE(event["tokens"].get<std::int64_t>(), tokens);
        tokens = event["tokens"].get<std::int64_t>();
        EXPECT_EQ(event["chain_name"], "opBNB Testnet");
        EXPECT_EQ(event["native_token"], "BNB");
    }
    EXPECT_EQ(content, "Four it is.");
    EXPECT_EQ(finishes, 1);
    EXPECT_EQ(events[events.size() - 2]["finish_reason"], "complete");
    EXPECT_EQ(events.back(), "[DONE]");
}

TEST(Inference, RefusesInItsOwnShape) {
    Api api;
    const auto refused = [&](const Json& asked) {
        const api::HttpResponse reply = api.ask(asked, &Service::inference);
        EXPECT_EQ(reply.status, 400);
        return body_of(reply);
    };
    Json asked = request();
    asked["temperature"] = 3;
    Json error = refused(asked);
    EXPECT_EQ(error["error_type"], "validation_error");
    EXPECT_EQ(error["details"]["field"], "temperature");
    asked = request();
    asked.erase("prompt");
    EXPECT_EQ(refused(asked)["details"]["field"], "prompt");
    asked = request();
    asked["max_tokens"] = 0;
    EXPECT_EQ(refused(asked)["details"]["field"], "max_tokens");
    asked = request();
    asked["max_searches"] = 21;
    EXPECT_EQ(refused(asked)["details"]["field"], "max_searches");
    asked = request();
    asked["conversation_context"] = Json::parse(R"([{"role": "nobody", "content": "x"}])");
    EXPECT_EQ(refused(asked)["details"]["field"], "conversation_context[0].role");
    asked = request();
    asked["prompt"] = std::string(20000, '!') + std::string(20000, '?') + " a b c d";
    for (int i = 0; i < 4000; ++i) asked["prompt"] = asked["prompt"].get<std::string>() + " a";
    error = refused(asked);
    EXPECT_GT(error["details"]["prompt_tokens"].get<int>(), 4096);
    EXPECT_EQ(error["details"]["context_window_size"], 4096);
}

}  // namespace
}  // namespace gptoss
