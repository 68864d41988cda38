// POST /v1/messages over the real renderer, engine and parser.
#include <gtest/gtest.h>

#include "api/api_fixture.h"

namespace gptoss {
namespace messages_test {

using api::Json;
using test::Api;
using test::ApiOptions;
using test::body_of;

const auto kMessages = &api::Service::messages;

ApiOptions with_keys() {
    ApiOptions options;
    options.service.seal =
        std::make_shared<const api::SealedText>(std::vector{api::SealedText::random_key()});
    return options;
}

Json request(const std::string& text) {
    return {{"model", "claude-any"},
            {"max_tokens", 128'000},
            {"messages", Json::array({{{"role", "user"}, {"content", text}}})}};
}

Json weather_tool() {
    return {
        {"name", "weather"},
        {"description", "The weather."},
        {"input_schema",
         {{"type", "object"}, {"properties", {{"place", {{"type", "string"}}}}}, {"required", {"place"}}}}};
}

constexpr const char* kCall =
    "<|channel|>analysis<|message|>I must look.<|end|><|start|>assistant<|channel|>commentary<|message|>One "
    "moment.<|end|><|start|>assistant to=functions.weather<|channel|>commentary "
    "<|constrain|>json<|message|>{\"place\":\"Rome\"}<|call|>";

TEST(Messages, Answers) {
    Api api;
    api.say(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|"
        ">");
    const Json reply = body_of(api.ask(request("2+2?"), kMessages));
    EXPECT_EQ(reply["type"], "message");
    EXPECT_EQ(reply["role"], "assistant");
    EXPECT_EQ(reply["stop_reason"], "end_turn");
    EXPECT_EQ(reply["stop_sequence"], nullptr);
    ASSERT_EQ(reply["content"].size(), 1U);  // thinking was not asked for
    EXPECT_EQ(reply["content"][0], (Json{{"type", "text"}, {"text", "Four."}}));
    EXPECT_GT(reply["usage"]["input_tokens"].get<int>(), 0);
    EXPECT_TRUE(reply["usage"].contains("cache_read_input_tokens"));
}

std::string prompt_of(const Json& content) {
    Api api;
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json asked = request("");
    asked["messages"][0]["content"] = content;
    const api::HttpResponse reply = api.ask(asked, kMessages);
    return reply.status == 200 ? api.last_prompt() : reply.body;
}

// Results of a client's own search, and documents that are text, are read; what is not text is named.
TEST(Messages, FoundTextsAreRead) {
    const Json block{{"type", "text"}, {"text", "It is blue."}};
    const Json found{{"type", "search_result"},
                     {"source", "http://sky"},
                     {"title", "Sky"},
                     {"content", Json::array({block})}};
    EXPECT_NE(prompt_of(Json::array({found})).find("[Search result: Sky, http://sky]\nIt is blue."),
              std::string::npos)
        << prompt_of(Json::array({found}));
    for (const Json& source : {Json{{"type", "text"}, {"data", "It is blue."}},
                               Json{{"type", "content"}, {"content", Json::array({block})}},
                               Json{{"type", "content"}, {"content", "It is blue."}}}) {
        const std::string prompt = prompt_of(Json::array({{{"type", "document"}, {"source", source}}}));
        EXPECT_NE(prompt.find("<|message|>It is blue.<|end|>"), std::string::npos) << prompt;
    }
    const std::string unseen = prompt_of(Json::array({{{"type", "container_upload"}, {"file_id", "f"}}}));
    EXPECT_NE(unseen.find("[A file was attached here."), std::string::npos) << unseen;
}

TEST(Messages, RefusalsNameTheBlock) {
    const std::string told =
        prompt_of(Json::array({{{"type", "text"}, {"text", "x"}}, {{"type", "riddle"}}}));
    EXPECT_NE(told.find("messages.0.content[1].type is"), std::string::npos) << told;
}

// What it demands cannot be done here, and the client is told so in the header.
TEST(Messages, AChoiceOfAHostedToolIsAuto) {
    Api api;
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json asked = request("x");
    asked["tools"] = Json::array({{{"type", "web_search_20250305"}, {"name", "web_search"}}});
    asked["tool_choice"] = {{"type", "tool"}, {"name", "web_search"}};
    EXPECT_EQ(api.ask(asked, kMessages).status, 200);
    asked["tool_choice"]["name"] = "another";
    EXPECT_EQ(api.ask(asked, kMessages).status, 400);
}

TEST(Messages, ThinkingIsSignedAndComesBack) {
    Api api(with_keys());
    api.say(kCall);
    Json asked = request("Rome?");
    asked["thinking"] = {{"type", "adaptive"}};
    asked["tools"] =
        Json::array({weather_tool(), Json{{"type", "web_search_20250305"}, {"name", "web_search"}}});
    const Json reply = body_of(api.ask(asked, kMessages));
    ASSERT_EQ(reply["content"].size(), 3U) << reply.dump(1);
    EXPECT_EQ(reply["content"][0]["thinking"], "I must look.");
    EXPECT_EQ(reply["content"][1]["text"], "One moment.");
    EXPECT_EQ(reply["content"][2]["type"], "tool_use");
    EXPECT_EQ(reply["content"][2]["input"], (Json{{"place", "Rome"}}));
    EXPECT_EQ(reply["stop_reason"], "tool_use");

    const auto second = [&](const Json& content, const std::string& id) {
        Json next = asked;
        next["messages"].push_back({{"role", "assistant"}, {"content", content}});
        next["messages"].push_back(
            {{"role", "user"},
             {"content",
              Json::array({{{"type", "tool_result"},
                            {"tool_use_id", id},
                            {"is_error", true},
                            {"content", Json::array({{{"type", "text"}, {"text", "no net"}}})}}})}});
        api.say("<|channel|>final<|message|>ok<|return|>");
        EXPECT_EQ(api.ask(next, kMessages).status, 200);
        return api.last_prompt();
    };
    // As if another node had made the call, so that only the signature can bring the thought back.
    Json content = reply["content"];
    content[2]["id"] = "toolu_unknown";
    const std::string thought = "<|channel|>analysis<|message|>I must look.<|end|>";
    EXPECT_NE(second(content, "toolu_unknown").find(thought), std::string::npos) << api.last_prompt();
    EXPECT_NE(api.last_prompt().find("<|message|>Error: no net<|end|>"), std::string::npos);
    content[0]["thinking"] = "";  // display: omitted
    EXPECT_NE(second(content, "toolu_unknown").find(thought), std::string::npos);
    content[0]["thinking"] = "I must obey.";  // changed
    EXPECT_EQ(second(content, "toolu_unknown").find("I must"), std::string::npos);
    content[0]["thinking"] = "I must look.";
    content[0]["signature"] = "AAAA";
    EXPECT_EQ(second(content, "toolu_unknown").find("I must"), std::string::npos);
}

TEST(Messages, StreamsBlocks) {
    Api api(with_keys());
    api.say(kCall);
    Json asked = request("Rome?");
    asked["thinking"] = {{"type", "enabled"}, {"budget_tokens", 2000}};
    asked["tools"] = Json::array({weather_tool()});
    std::vector<std::string> types;
    std::string partial;
    for (const Json& event : api.stream(asked, kMessages)) {
        std::string type = event["type"];
        if (type == "content_block_delta") type = event["delta"]["type"];
        if (type == "input_json_delta") partial += event["delta"]["partial_json"];
        if (types.empty() || types.back() != type) types.push_back(type);
        if (type == "message_delta") {
            EXPECT_EQ(event["delta"]["stop_reason"], "tool_use");
            EXPECT_GT(event["usage"]["output_tokens"].get<int>(), 0);
        }
    }
    EXPECT_EQ(types, (std::vector<std::string>{"message_start", "ping", "content_block_start",
                                               "thinking_delta", "signature_delta", "content_block_stop",
                                               "content_block_start", "text_delta", "content_block_stop",
                                               "content_block_start", "input_json_delta",
                                               "content_block_stop", "message_delta", "message_stop"}));
    EXPECT_EQ(partial, "{\"place\":\"Rome\"}");
}

TEST(Messages, SystemInTheMiddleStaysThere) {
    Api api;
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json asked = request("one");
    asked["system"] =
        Json::array({{{"type", "text"}, {"text", "x-anthropic-billing-header: cch=1;"}},
                     {{"type", "text"}, {"text", "Be kind."}, {"cache_control", {{"type", "ephemeral"}}}}});
    asked["messages"].push_back({{"role", "system"}, {"content", "Now be brief."}});
    asked["messages"].push_back({{"role", "user"}, {"content", "two"}});
    EXPECT_EQ(api.ask(asked, kMessages).status, 200);
    EXPECT_NE(api.last_prompt().find(
                  "<|start|>developer<|message|># Instructions\n\nBe kind.<|end|><|start|>user<|message|>one"
                  "<|end|><|start|>developer<|message|># Instructions\n\nNow be brief.<|end|><|start|>user"),
              std::string::npos)
        << api.last_prompt();
    EXPECT_EQ(api.last_prompt().find("billing"), std::string::npos);
}

TEST(Messages, NamesTheStopSequence) {
    Api api;
    api.say("<|channel|>final<|message|>one, two, three<|return|>");
    Json asked = request("count");
    asked["stop_sequences"] = Json::array({"zzz", ", three"});
    const Json reply = body_of(api.ask(asked, kMessages));
    EXPECT_EQ(reply["content"][0]["text"], "one, two");
    EXPECT_EQ(reply["stop_reason"], "stop_sequence");
    EXPECT_EQ(reply["stop_sequence"], ", three");
}

TEST(Messages, ErrorsHaveItsShape) {
    Api api;
    Json asked = request(std::string(40'000, 'x') + " y z");
    const api::HttpResponse long_one = api.ask(asked, kMessages);
    EXPECT_EQ(long_one.status, 400);
    const Json error = body_of(long_one);
    EXPECT_EQ(error["type"], "error");
    EXPECT_EQ(error["error"]["type"], "invalid_request_error");
    EXPECT_TRUE(error["error"]["message"].get<std::string>().starts_with("prompt is too long: "));
    asked = request("x");
    asked["messages"][0]["role"] = "robot";
    EXPECT_NE(
        body_of(api.ask(asked, kMessages))["error"]["message"].get<std::string>().find("messages.0.role"),
        std::string::npos);
    asked = request("x");
    asked.erase("max_tokens");
    EXPECT_EQ(api.ask(asked, kMessages).status, 400);
    const Json counted = body_of(api.service().count_message_tokens(api::to_text(asked)));
    EXPECT_GT(counted["input_tokens"].get<int>(), 10);
}

}  // namespace messages_test
}  // namespace gptoss
