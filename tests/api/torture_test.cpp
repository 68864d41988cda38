// Whatever the model says, the client gets an answer: malformed sequences seen in the wild and random tokens
// go through engine, parser and API. No reply is a 500, no response stream hangs, every stream ends with exactly one
// finish.
#include <gtest/gtest.h>

#include <random>

#include "api/api_fixture.h"
#include "api/malformed.h"
#include "support/rounds.h"

namespace gptoss {
namespace {

using api::Json;
using test::Api;
using test::assembled;

void expect_one_answer(Api& api, const Json& request, const std::string& what) {
    const api::HttpResponse whole = api.ask(request);
    ASSERT_EQ(whole.status, 200) << what << "\n" << whole.body;
    const Json choice = test::body_of(whole)["choices"][0];
    const std::vector<Json> events = api.stream(request);
    const Json streamed = assembled(events);
    ASSERT_EQ(streamed["finishes"].size(), 1U) << what;
    ASSERT_EQ(streamed["finishes"][0], choice["finish_reason"]) << what;
    ASSERT_EQ(events.back(), "[DONE]") << what;
    ASSERT_FALSE(streamed.contains("error")) << what;
    const auto reasoning = choice["message"].value("reasoning", std::string());
    ASSERT_EQ(streamed["reasoning"], reasoning) << what;
    ASSERT_EQ(streamed["tool_calls"].size(), choice["message"].value("tool_calls", Json::array()).size())
        << what;
}

Json limited(Json request) {
    request["max_tokens"] = 120;
    return request;
}

class Torture : public testing::TestWithParam<bool> {};

TEST_P(Torture, MalformedSequences) {
    test::ApiOptions options;
    options.constrained = GetParam();
    Api api(options);
    for (const std::string& said : test::kMalformed) {
        api.say(said);
        expect_one_answer(api, limited(test::user_says("hi")), said);
        expect_one_answer(api, limited(test::with_weather_tool("hi")), said);
    }
}

TEST_P(Torture, RandomTokens) {
    test::ApiOptions options;
    options.constrained = GetParam();
    Api api(options);
    const Tokenizer& tokenizer = *test::cut_tokenizer();
    std::mt19937 random(11);
    // Each sequence is asked for twice, whole and streamed; both settings together make 10,000.
    for (int round = 0; round < test::rounds(5000); ++round) {
        std::vector<TokenId> tokens = test::random_tokens(tokenizer, random);
        const std::string text = tokenizer.decode(tokens);
        api.say_tokens(std::move(tokens));
        Json request = random() % 2 == 0 ? test::user_says("hi") : test::with_weather_tool("hi");
        request["max_tokens"] = random() % 40 + 1;
        if (random() % 4 == 0) request["stop"] = "a";
        ASSERT_NO_FATAL_FAILURE(expect_one_answer(api, request, text));
    }
}

Json as_response(const Json& chat) {
    Json request{{"model", "script"}, {"input", "hi"}, {"max_output_tokens", chat["max_tokens"]}};
    if (!chat.contains("tools")) return request;
    Json tool = chat["tools"][0]["function"];
    tool["type"] = "function";
    request["tools"] = Json::array({tool});
    return request;
}

Json as_message(const Json& chat) {
    Json request{{"model", "script"},
                 {"max_tokens", chat["max_tokens"]},
                 {"messages", chat["messages"]},
                 {"thinking", {{"type", "adaptive"}}}};
    if (!chat.contains("tools")) return request;
    const Json& tool = chat["tools"][0]["function"];
    request["tools"] = Json::array({{{"name", tool["name"]}, {"input_schema", tool["parameters"]}}});
    return request;
}

// Each item begins and ends once, in order, and what was streamed is what the last event tells.
void expect_one_response(Api& api, const Json& request, const std::string& what) {
    const api::HttpResponse whole = api.ask(request, &api::Service::responses);
    ASSERT_EQ(whole.status, 200) << what << "\n" << whole.body;
    const Json response = test::body_of(whole);
    const std::vector<Json> events = api.stream(request, &api::Service::responses);
    std::size_t begun = 0, ended = 0, terminal = 0;
    std::vector<std::string> texts;
    for (const Json& event : events) {
        const std::string type = event["type"];
        if (type == "response.output_item.added") {
            ASSERT_EQ(event["output_index"], begun++) << what;
            texts.emplace_back();
        }
        if (type == "response.output_item.done") {
            ASSERT_EQ(event["output_index"], ended++) << what;
        }
        const bool is_summary = type == "response.reasoning_summary_text.delta";  // the same once more
        if (event.contains("delta") && !is_summary) texts.back() += event["delta"].get<std::string>();
        terminal +=
            type == "response.completed" || type == "response.incomplete" || type == "response.failed";
    }
    ASSERT_EQ(terminal, 1U) << what;
    const Json& last = events.back()["response"];
    ASSERT_EQ(last["status"], response["status"]) << what;
    ASSERT_EQ(last["output"].size(), response["output"].size()) << what;
    ASSERT_EQ(last["output"].size(), begun) << what;
    ASSERT_EQ(begun, ended) << what;
    for (std::size_t i = 0; i < begun; ++i) {
        const Json& item = last["output"][i];
        ASSERT_EQ(item.contains("arguments") ? item["arguments"] : item["content"][0]["text"], texts[i])
            << what;
        ASSERT_EQ(item["type"], response["output"][i]["type"]) << what;
    }
    ASSERT_FALSE(last["output"].empty() && last["status"] == "completed") << what;
}

void expect_one_message(Api& api, const Json& request, const std::string& what) {
    const api::HttpResponse whole = api.ask(request, &api::Service::messages);
    ASSERT_EQ(whole.status, 200) << what << "\n" << whole.body;
    const Json message = test::body_of(whole);
    const std::vector<Json> events = api.stream(request, &api::Service::messages);
    std::size_t begun = 0, ended = 0, stops = 0;
    for (const Json& event : events) {
        if (event["type"] == "content_block_start") {
            ASSERT_EQ(event["index"], begun++) << what;
        }
        if (event["type"] == "content_block_stop") {
            ASSERT_EQ(event["index"], ended++) << what;
        }
        stops += event["type"] == "message_stop" || event["type"] == "error";
    }
    ASSERT_EQ(events.back()["type"], "message_stop") << what;
    ASSERT_EQ(stops, 1U) << what;
    ASSERT_EQ(begun, message["content"].size()) << what;
    ASSERT_EQ(begun, ended) << what;
    ASSERT_EQ(events[events.size() - 2]["delta"]["stop_reason"], message["stop_reason"]) << what;
}

TEST_P(Torture, MalformedSequencesForAgents) {
    test::ApiOptions options;
    options.constrained = GetParam();
    Api api(options);
    for (const std::string& said : test::kMalformed) {
        api.say(said);
        for (const Json& request : {limited(test::user_says("hi")), limited(test::with_weather_tool("hi"))}) {
            ASSERT_NO_FATAL_FAILURE(expect_one_response(api, as_response(request), said));
            ASSERT_NO_FATAL_FAILURE(expect_one_message(api, as_message(request), said));
        }
    }
}

TEST_P(Torture, RandomTokensForAgents) {
    test::ApiOptions options;
    options.constrained = GetParam();
    Api api(options);
    const Tokenizer& tokenizer = *test::cut_tokenizer();
    std::mt19937 random(12);
    for (int round = 0; round < test::rounds(5000); ++round) {
        std::vector<TokenId> tokens = test::random_tokens(tokenizer, random);
        const std::string text = tokenizer.decode(tokens);
        api.say_tokens(std::move(tokens));
        Json request = random() % 2 == 0 ? test::user_says("hi") : test::with_weather_tool("hi");
        request["max_tokens"] = random() % 40 + 1;
        ASSERT_NO_FATAL_FAILURE(expect_one_response(api, as_response(request), text));
        ASSERT_NO_FATAL_FAILURE(expect_one_message(api, as_message(request), text));
    }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutTheAutomaton, Torture, testing::Bool(),
                         [](const auto& variant) { return variant.param ? "constrained" : "free"; });

}  // namespace
}  // namespace gptoss
