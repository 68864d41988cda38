// POST /v1/chat/completions over the real renderer, engine and parser.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "api/api_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using test::Api;
using test::assembled;
using test::body_of;
using test::user_says;
using test::with_weather_tool;

constexpr const char* kAnswer =
    "<|channel|>analysis<|message|>Two and two.<|end|><|start|>assistant<|channel|>final<|message|>It is "
    "4.<|return|>";
constexpr const char* kCall =
    "<|channel|>analysis<|message|>I need the weather.<|end|>"
    "<|start|>assistant<|channel|>commentary<|message|>Let me look.<|end|>"
    "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    "{\"location\":\"Paris\"}<|call|>";

TEST(Chat, AnswersWithReasoningAndContentApart) {
    Api api;
    api.say(kAnswer);
    const Json reply = body_of(api.ask(user_says("What is 2+2?")));
    const Json& choice = reply["choices"][0];
    EXPECT_EQ(reply["object"], "chat.completion");
    EXPECT_EQ(reply["model"], "script");
    EXPECT_EQ(choice["message"]["role"], "assistant");
    EXPECT_EQ(choice["message"]["content"], "It is 4.");
    EXPECT_EQ(choice["message"]["reasoning"], "Two and two.");
    EXPECT_EQ(choice["message"]["reasoning_content"], "Two and two.");
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_FALSE(choice["message"].contains("tool_calls"));
    const Json& usage = reply["usage"];
    const auto script_tokens = test::cut_tokenizer()->encode_with_special(kAnswer).size();
    EXPECT_EQ(usage["completion_tokens"], script_tokens);
    EXPECT_EQ(usage["total_tokens"].get<int>(),
              usage["prompt_tokens"].get<int>() + static_cast<int>(script_tokens));
    const auto reasoning_tokens = usage["completion_tokens_details"]["reasoning_tokens"].get<int>();
    EXPECT_GT(reasoning_tokens, 3);
    EXPECT_LT(reasoning_tokens, static_cast<int>(script_tokens));
    EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], 0);
    EXPECT_EQ(reply["timings"]["effective"]["temperature"], 1.0);
    EXPECT_EQ(reply["timings"]["effective"]["reasoning_effort"], "medium");
}

TEST(Chat, StreamsTheSameAsTheWholeReply) {
    Api api;
    for (const char* said : {kAnswer, kCall}) {
        api.say(said);
        Json request = with_weather_tool("Hello");
        const Json whole = body_of(api.ask(request))["choices"][0];
        request["stream_options"] = {{"include_usage", true}};
        const std::vector<Json> events = api.stream(request);
        const Json streamed = assembled(events);
        EXPECT_EQ(streamed["reasoning"], whole["message"]["reasoning"]);
        EXPECT_EQ(streamed["finishes"], Json::array({whole["finish_reason"]}));
        const bool calls = whole["message"].contains("tool_calls");
        EXPECT_EQ(streamed["content"], whole["message"]["content"]);
        if (calls) {
            ASSERT_EQ(streamed["tool_calls"].size(), 1U);
            EXPECT_EQ(streamed["tool_calls"][0]["name"], "get_weather");
            EXPECT_EQ(streamed["tool_calls"][0]["type"], "function");
            EXPECT_EQ(streamed["tool_calls"][0]["arguments"],
                      whole["message"]["tool_calls"][0]["function"]["arguments"]);
        }
        EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
        EXPECT_EQ(events.back(), "[DONE]");
        const Json& last = events[events.size() - 2];
        EXPECT_TRUE(last["choices"].empty());
        EXPECT_GT(last["usage"]["completion_tokens"].get<int>(), 5);
    }
}

TEST(Chat, SendsNoChunkWithoutChoicesUnlessUsageIsAskedFor) {
    Api api;
    api.say(kAnswer);
    const std::vector<Json> events = api.stream(user_says("Hi"));
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
        EXPECT_EQ(events[i]["choices"].size(), 1U);
        EXPECT_FALSE(events[i].contains("usage"));
    }
    EXPECT_TRUE(events[events.size() - 2].contains("timings"));
}

TEST(Chat, TellsWhatStoodBeforeACallAsContent) {
    Api api;
    api.say(kCall);
    const Json choice = body_of(api.ask(with_weather_tool("Weather in Paris?")))["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_EQ(choice["message"]["content"], "Let me look.");
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U);
    const Json& call = choice["message"]["tool_calls"][0];
    EXPECT_TRUE(call["id"].get<std::string>().starts_with("call_"));
    EXPECT_EQ(call["type"], "function");
    EXPECT_EQ(call["function"]["name"], "get_weather");
    EXPECT_EQ(call["function"]["arguments"], "{\"location\":\"Paris\"}");
}

TEST(Chat, SaysIdAndNameOfACallOnce) {
    Api api;
    api.say(kCall);
    int ids = 0, names = 0, argument_pieces = 0;
    for (const Json& event : api.stream(with_weather_tool("Weather?"))) {
        if (event.is_string()) continue;
        for (const Json& call : event["choices"][0]["delta"].value("tool_calls", Json::array())) {
            ids += call.contains("id");
            names += call["function"].contains("name");
            argument_pieces += !call["function"]["arguments"].get<std::string>().empty();
        }
    }
    EXPECT_EQ(ids, 1);
    EXPECT_EQ(names, 1);
    EXPECT_GT(argument_pieces, 1);
}

// The model may put the recipient where the canonical rendering does not: the next turn must repeat what was
// sampled.
TEST(Chat, RendersACallAsItWasSampledAndBringsBackWhatTheClientDropped) {
    Api api;
    api.say(kCall);
    Json request = with_weather_tool("Weather in Paris?");
    const Json message = body_of(api.ask(request))["choices"][0]["message"];
    const std::string first_prompt = api.last_prompt();
    // As OpenAI's agents SDK echoes it: no content key, here without the reasoning too.
    request["messages"].push_back({{"role", "assistant"}, {"tool_calls", message["tool_calls"]}});
    request["messages"].push_back(
        {{"role", "tool"}, {"tool_call_id", message["tool_calls"][0]["id"]}, {"content", "sunny"}});
    api.say("<|channel|>final<|message|>Sunny.<|return|>");
    const Json reply = body_of(api.ask(request));
    EXPECT_EQ(api.last_prompt(),
              first_prompt + kCall +
                  "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>sunny<|end|>"
                  "<|start|>assistant");
    EXPECT_EQ(reply["choices"][0]["message"]["content"], "Sunny.");
    EXPECT_GE(reply["usage"]["prompt_tokens_details"]["cached_tokens"].get<int>(), 64);
}

TEST(Chat, RendersAChangedCallAnew) {
    Api api;
    api.say(kCall);
    Json request = with_weather_tool("Weather in Paris?");
    Json message = body_of(api.ask(request))["choices"][0]["message"];
    message["tool_calls"][0]["function"]["arguments"] = "{\"location\":\"Rome\"}";
    request["messages"].push_back(message);
    request["messages"].push_back(
        {{"role", "tool"}, {"tool_call_id", message["tool_calls"][0]["id"]}, {"content", "rain"}});
    api.ask(request);
    EXPECT_NE(api.last_prompt().find("{\"location\":\"Rome\"}<|call|>"), std::string::npos);
    EXPECT_EQ(api.last_prompt().find("Paris\"}"), std::string::npos);
}

TEST(Chat, EndsAtAStopStringAcrossTokens) {
    Api api;
    api.say(
        "<|channel|>analysis<|message|>STOP is no stop "
        "here.<|end|><|start|>assistant<|channel|>final<|message|>one "
        "two S T O P three<|return|>");
    Json request = user_says("Count");
    request["stop"] = {"S T O P", "never"};
    const Json choice = body_of(api.ask(request))["choices"][0];
    EXPECT_EQ(choice["message"]["content"], "one two ");
    EXPECT_EQ(choice["message"]["reasoning"], "STOP is no stop here.");
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_EQ(assembled(api.stream(request))["content"], "one two ");
}

TEST(Chat, EndsForLengthInsideReasoningWithoutAnError) {
    Api api;
    api.say(kAnswer);
    for (int limit = 1; limit < 12; ++limit) {
        Json request = user_says("What is 2+2?");
        request["max_completion_tokens"] = limit;
        const api::HttpResponse reply = api.ask(request);
        ASSERT_EQ(reply.status, 200);
        EXPECT_EQ(body_of(reply)["choices"][0]["finish_reason"], "length");
        EXPECT_EQ(body_of(reply)["usage"]["completion_tokens"], limit);
    }
}

TEST(Chat, GivesSeveralChoices) {
    Api api;
    api.say(kAnswer);
    Json request = user_says("Hi");
    request["n"] = 3;
    const Json reply = body_of(api.ask(request));
    ASSERT_EQ(reply["choices"].size(), 3U);
    EXPECT_EQ(reply["choices"][2]["index"], 2);
    EXPECT_EQ(reply["choices"][2]["message"]["content"], "It is 4.");
    const auto said = test::cut_tokenizer()->encode_with_special(kAnswer).size();
    EXPECT_EQ(reply["usage"]["completion_tokens"], 3 * said);
    EXPECT_EQ(assembled(api.stream(request))["finishes"], Json::array({"stop", "stop", "stop"}));
}

TEST(Chat, GivesLogprobsOfWhatTheUserSees) {
    Api api;
    api.say(kAnswer);
    Json request = user_says("Hi");
    request["logprobs"] = true;
    request["top_logprobs"] = 2;
    const Json whole = body_of(api.ask(request))["choices"][0]["logprobs"]["content"];
    std::string text;
    for (const Json& entry : whole) {
        text += entry["token"].get<std::string>();
        EXPECT_EQ(entry["logprob"], -0.25);
        EXPECT_EQ(entry["top_logprobs"].size(), 2U);
        EXPECT_EQ(entry["bytes"].size(), entry["token"].get<std::string>().size());
    }
    EXPECT_EQ(text, "It is 4.");
    Json streamed = Json::array();
    for (const Json& event : api.stream(request)) {
        if (event.is_string() || event["choices"][0]["logprobs"].is_null()) continue;
        for (const Json& entry : event["choices"][0]["logprobs"]["content"]) streamed.push_back(entry);
    }
    EXPECT_EQ(streamed, whole);
}

TEST(Chat, HidesReasoningWhenAsked) {
    Api api;
    api.say(kAnswer);
    Json request = user_says("Hi");
    request["reasoning"] = {{"effort", "high"}, {"exclude", true}};
    const Json reply = body_of(api.ask(request));
    EXPECT_FALSE(reply["choices"][0]["message"].contains("reasoning"));
    EXPECT_EQ(reply["timings"]["effective"]["reasoning_effort"], "high");
    EXPECT_NE(api.last_prompt().find("Reasoning: high"), std::string::npos);
    EXPECT_EQ(assembled(api.stream(request))["reasoning"], "");
}

TEST(Chat, RefusesAPromptLongerThanTheContextWithBothCounts) {
    Api api;
    const api::HttpResponse reply =
        api.ask(user_says(std::string(20000, 'x') + " " + std::string(20000, 'y')));
    EXPECT_EQ(reply.status, 400);
    const Json error = body_of(reply)["error"];
    EXPECT_EQ(error["code"], "context_length_exceeded");
    EXPECT_EQ(error["context_length"], 64 * 64);
    EXPECT_GT(error["prompt_tokens"].get<int>(), 64 * 64);
}

TEST(Chat, ForcesWhatToolChoiceDemands) {
    Api api;
    api.say(kAnswer);  // the script would rather answer; the automaton does not let it
    Json request = with_weather_tool("Weather?");
    request["tool_choice"] = {{"type", "function"}, {"function", {{"name", "get_weather"}}}};
    request["max_tokens"] = 200;
    request["max_reasoning_tokens"] = 10;
    const Json message = body_of(api.ask(request))["choices"][0]["message"];
    ASSERT_TRUE(message.contains("tool_calls"));
    EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "get_weather");

    api.say(kCall);
    request["tool_choice"] = "none";
    EXPECT_FALSE(body_of(api.ask(request))["choices"][0]["message"].contains("tool_calls"));
    EXPECT_EQ(api.last_prompt().find("get_weather"), std::string::npos);
}

TEST(Chat, RefusesASchemaItCannotEnforceByNamingTheKeyword) {
    Api api;
    Json request = user_says("Hi");
    request["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "x"}, {"strict", true}, {"schema", {{"type", "object"}, {"uniqueItems", true}}}}}};
    const api::HttpResponse reply = api.ask(request);
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find("uniqueItems"), std::string::npos);
}

TEST(Chat, TellsADeviceFailureInsideTheStream) {
    test::ApiOptions options;
    options.backend.fail_at_step = 4;
    Api api(options);
    api.say(kAnswer);
    const std::vector<Json> events = api.stream(user_says("Hi"));
    ASSERT_TRUE(events.back().contains("error"));
    EXPECT_EQ(events.back()["error"]["type"], "server_error");
    EXPECT_TRUE(assembled(events)["finishes"].empty());
}

TEST(Chat, CancelsWhatNobodyWaitsForAnyMore) {
    test::ApiOptions options;
    options.backend.step_ms = 2;
    Api api(options);
    api.say(std::string("<|channel|>final<|message|>") + std::string(2000, 'x'));
    {
        auto answer = api.service().chat(api::to_text(user_says("Hi")), {"test", [] {}});
        while (api.engine()->stats().running == 0) std::this_thread::yield();
    }
    for (int i = 0; i < 1000 && api.engine()->stats().running > 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(api.engine()->stats().running, 0);
    EXPECT_LT(api.engine()->stats().generated_tokens, 1000);
}

}  // namespace
}  // namespace gptoss
