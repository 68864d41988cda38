// POST /v1/responses over the real renderer, engine and parser.
#include <gtest/gtest.h>

#include <set>

#include "api/api_fixture.h"
#include "api/error_reply.h"

namespace gptoss {
namespace responses_test {

using api::Json;
using test::Api;
using test::body_of;

const auto kResponses = &api::Service::responses;

Json request(const Json& input) {
    return {{"model", "script"}, {"input", input}};
}

Json user_item(const std::string& text) {
    return {{"role", "user"}, {"content", text}};
}

Json function_tool(const std::string& name) {
    return {
        {"type", "function"},
        {"name", name},
        {"strict", nullptr},
        {"parameters",
         {{"type", "object"}, {"properties", {{"place", {{"type", "string"}}}}}, {"required", {"place"}}}}};
}

std::vector<std::string> types_of(const std::vector<Json>& events) {
    std::vector<std::string> types;
    for (const Json& event : events) {
        const std::string type = event["type"];
        const bool is_delta = type.ends_with(".delta");
        const bool again = types.size() > 1 && (types.back() == type || types[types.size() - 2] == type);
        if (!is_delta || !again) types.push_back(type);
    }
    return types;
}

constexpr const char* kThoughtAndAnswer =
    "<|channel|>analysis<|message|>Easy sum.<|end|><|start|>assistant<|channel|>final<|message|>It is "
    "four.<|return|>";

TEST(Responses, AnswersAString) {
    Api api;
    api.say(kThoughtAndAnswer);
    const Json reply = body_of(api.ask(request("What is 2+2?"), kResponses));
    EXPECT_EQ(reply["object"], "response");
    EXPECT_EQ(reply["status"], "completed");
    EXPECT_EQ(reply["error"], nullptr);
    EXPECT_TRUE(reply["id"].get<std::string>().starts_with("resp_"));
    ASSERT_EQ(reply["output"].size(), 2U);
    const Json& thought = reply["output"][0];
    EXPECT_EQ(thought["type"], "reasoning");
    EXPECT_EQ(thought["status"], "completed");
    EXPECT_EQ(thought["summary"][0]["text"], "Easy sum.");
    EXPECT_EQ(thought["content"][0]["type"], "reasoning_text");
    EXPECT_EQ(thought["content"][0]["text"], "Easy sum.");
    const Json& message = reply["output"][1];
    EXPECT_EQ(message["type"], "message");
    EXPECT_EQ(message["role"], "assistant");
    EXPECT_EQ(message["phase"], "final_answer");
    EXPECT_EQ(message["content"][0]["type"], "output_text");
    EXPECT_EQ(message["content"][0]["text"], "It is four.");
    EXPECT_EQ(message["content"][0]["annotations"], Json::array());
    EXPECT_EQ(reply["usage"]["total_tokens"].get<int>(),
              reply["usage"]["input_tokens"].get<int>() + reply["usage"]["output_tokens"].get<int>());
    EXPECT_GT(reply["usage"]["output_tokens_details"]["reasoning_tokens"].get<int>(), 0);
    EXPECT_TRUE(reply["usage"]["input_tokens_details"].contains("cached_tokens"));
}

TEST(Responses, StreamsTheEventsInOrder) {
    Api api;
    api.say(kThoughtAndAnswer);
    const std::vector<Json> events = api.stream(request("What is 2+2?"), kResponses);
    EXPECT_EQ(types_of(events),
              (std::vector<std::string>{
                  "response.created", "response.in_progress",  //
                  "response.output_item.added", "response.content_part.added",
                  "response.reasoning_summary_part.added", "response.reasoning_text.delta",
                  "response.reasoning_summary_text.delta", "response.reasoning_text.done",
                  "response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
                  "response.content_part.done", "response.output_item.done",  //
                  "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                  "response.output_text.done", "response.content_part.done", "response.output_item.done",
                  "response.completed"}));
    std::string text;
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i]["sequence_number"], i);
        if (events[i]["type"] == "response.output_text.delta") text += events[i]["delta"];
    }
    EXPECT_EQ(text, "It is four.");
    const Json& response = events.back()["response"];
    EXPECT_EQ(response["output"][1]["content"][0]["text"], text);
    EXPECT_EQ(response["output"][0]["id"], events[2]["item"]["id"]);
    EXPECT_EQ(events[0]["response"]["status"], "in_progress");
    EXPECT_EQ(events[0]["response"]["output"], Json::array());
}

TEST(Responses, TheSummaryIsTheReasoning) {
    Api api;
    api.say(kThoughtAndAnswer);
    Json asked = request("hi");
    asked["reasoning"] = {{"effort", "high"}, {"summary", "auto"}};
    const std::vector<Json> events = api.stream(asked, kResponses);
    std::string summary;
    for (const Json& event : events) {
        if (event["type"] == "response.reasoning_summary_text.delta") summary += event["delta"];
    }
    EXPECT_EQ(summary, "Easy sum.");
    EXPECT_EQ(events.back()["response"]["output"][0]["summary"][0]["text"], "Easy sum.");
    EXPECT_EQ(events.back()["response"]["reasoning"]["effort"], "high");
    EXPECT_NE(api.last_prompt().find("Reasoning: high"), std::string::npos);
}

TEST(Responses, CallsAreItemsOfTheirOwn) {
    Api api;
    api.say(
        "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.weather"
        "<|channel|>commentary <|constrain|>json<|message|>{\"place\": \"Rome\"}<|call|>");
    Json asked = request(Json::array({user_item("Rome?")}));
    asked["tools"] = Json::array({function_tool("weather")});
    const std::vector<Json> events = api.stream(asked, kResponses);
    const Json& output = events.back()["response"]["output"];
    ASSERT_EQ(output.size(), 2U);
    EXPECT_EQ(output[0]["phase"], "commentary");
    EXPECT_EQ(output[1]["type"], "function_call");
    EXPECT_EQ(output[1]["name"], "weather");
    EXPECT_EQ(Json::parse(output[1]["arguments"].get<std::string>())["place"], "Rome");
    EXPECT_EQ(output[1]["status"], "completed");
    std::string arguments;
    for (const Json& event : events) {
        if (event["type"] == "response.function_call_arguments.delta") arguments += event["delta"];
        if (event["type"] == "response.function_call_arguments.done") {
            EXPECT_EQ(event["arguments"], arguments);
            EXPECT_EQ(event["name"], "weather");
        }
    }
    EXPECT_EQ(arguments, output[1]["arguments"].get<std::string>());

    // The items go back with the result; the preamble and the call are told as they were sampled.
    Json items = Json::array({user_item("Rome?")});
    for (const Json& item : output) items.push_back(item);
    items.push_back(
        {{"type", "function_call_output"}, {"call_id", output[1]["call_id"]}, {"output", "sunny"}});
    asked["input"] = items;
    api.say("<|channel|>final<|message|>Sunny.<|return|>");
    const Json reply = body_of(api.ask(asked, kResponses));
    EXPECT_EQ(reply["output"][0]["content"][0]["text"], "Sunny.");
    EXPECT_NE(api.last_prompt().find(
                  "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant "
                  "to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{\"place\": "
                  "\"Rome\"}<|call|><|start|>functions.weather to=assistant<|channel|>commentary<|message|>"
                  "sunny<|end|><|start|>assistant"),
              std::string::npos)
        << api.last_prompt();
}

TEST(Responses, ANamespacesCallComesBackWithItsNamespace) {
    Api api;
    api.say(
        "<|channel|>commentary to=functions.agents__wait "
        "<|constrain|>json<|message|>{\"place\":\"x\"}<|call|>");
    Json asked = request("go");
    asked["tools"] = Json::array({Json{{"type", "namespace"},
                                       {"name", "agents"},
                                       {"description", "Other agents."},
                                       {"tools", Json::array({function_tool("wait")})}},
                                  Json{{"type", "web_search"}, {"external_web_access", false}}});
    const api::HttpResponse whole = api.ask(asked, kResponses);
    const Json reply = body_of(whole);
    ASSERT_EQ(reply["output"][0]["type"], "function_call") << reply.dump(1);
    EXPECT_EQ(reply["output"][0]["name"], "wait");
    EXPECT_EQ(reply["output"][0]["namespace"], "agents");
    EXPECT_EQ(reply["tools"].size(), 1U);  // what cannot be done is not promised
    EXPECT_EQ(whole.headers,
              (std::vector<std::pair<std::string, std::string>>{{"X-Tools-Left-Out", "web_search"}}));
    // It goes back under the same two names.
    asked["input"] =
        Json::array({user_item("go"),
                     reply["output"][0],
                     {{"type", "function_call_output"},
                      {"call_id", reply["output"][0]["call_id"]},
                      {"output", Json::array({{{"type", "input_image"}, {"image_url", "data:,"}}})}}});
    api.say("<|channel|>final<|message|>ok<|return|>");
    EXPECT_EQ(api.ask(asked, kResponses).status, 200);
    EXPECT_NE(api.last_prompt().find("functions.agents__wait to=assistant"), std::string::npos);
    EXPECT_NE(api.last_prompt().find("[An image was attached here."), std::string::npos);
}

TEST(Responses, WhatDoesNotFitIsIncomplete) {
    Api api;
    api.say("<|channel|>final<|message|>one two three four five six seven<|return|>");
    Json asked = request("hi");
    asked["max_output_tokens"] = 6;
    const std::vector<Json> events = api.stream(asked, kResponses);
    EXPECT_EQ(events.back()["type"], "response.incomplete");
    EXPECT_EQ(events.back()["response"]["status"], "incomplete");
    EXPECT_EQ(events.back()["response"]["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(events.back()["response"]["output"][0]["status"], "incomplete");
}

// Each turn's end was tried before: ten thousand short turns took minutes of a core.
TEST(Responses, DropsAsManyOldTurnsAsItTakesAndNoMore) {
    Api api;
    api.say(kThoughtAndAnswer);
    Json items = Json::array();
    for (int i = 0; i < 9'000; ++i) items.push_back(user_item("turn " + std::to_string(i)));
    Json long_one = request(items);
    EXPECT_EQ(api.ask(long_one, kResponses).status, 400);
    long_one["truncation"] = "auto";
    const Json reply = body_of(api.ask(long_one, kResponses));
    const int context = api.engine()->options().context_length;
    EXPECT_LT(reply["usage"]["input_tokens"], context);
    EXPECT_GT(reply["usage"]["input_tokens"], context - 100);  // not one turn more than it takes
    Json last_one = request(Json::array({user_item(std::string(200'000, 'a'))}));
    last_one["truncation"] = "auto";
    EXPECT_EQ(api.ask(last_one, kResponses).status, 400);  // the last turn stays
}

TEST(Responses, RefusesWithTheFieldsName) {
    Api api;
    const auto param = [&](const Json& asked) {
        const api::HttpResponse reply = api.ask(asked, kResponses);
        EXPECT_EQ(reply.status, 400) << reply.body;
        return body_of(reply)["error"]["param"].get<std::string>();
    };
    EXPECT_EQ(param(Json{{"model", "x"}}), "input");
    EXPECT_EQ(param(request(3)), "input");
    EXPECT_EQ(param(request(Json::array({{{"role", "robot"}, {"content", "x"}}}))), "input[0].role");
    EXPECT_EQ(param(request(
                  Json::array({{{"type", "function_call_output"}, {"call_id", "call_x"}, {"output", "x"}}}))),
              "input[0].call_id");
    Json asked = request("x");
    asked["tool_choice"] = {{"type", "function"}, {"name", "nothing"}};
    EXPECT_EQ(param(asked), "tool_choice.name");
    asked = request("x");
    asked["text"] = {{"format", {{"type", "xml"}}}};
    EXPECT_EQ(param(asked), "text.format.type");
}

TEST(Responses, TakesWhatClientsSend) {
    Api api;
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json asked = request(Json::array(
        {{{"type", "message"},
          {"role", "developer"},
          {"content", Json::array({{{"type", "input_text"}, {"text", "Be kind."}}})}},
         user_item("one"),
         {{"type", "reasoning"}, {"id", "rs_1"}, {"summary", Json::array()}, {"encrypted_content", nullptr}},
         {{"type", "message"},
          {"role", "assistant"},
          {"content", Json::array({{{"type", "output_text"}, {"text", "two"}}})}},
         {{"type", "item_reference"}, {"id", "rs_2"}},
         {{"role", "system"}, {"content", "Now be brief."}},
         {{"type", "web_search_call"}, {"id", "ws_1"}, {"status", "completed"}},
         user_item("three")}));
    asked["text"] = Json::object();
    asked["include"] = Json::array({"reasoning.encrypted_content"});
    asked["reasoning"] = {{"effort", nullptr}, {"summary", nullptr}};
    asked["metadata"] = nullptr;
    const api::HttpResponse reply = api.ask(asked, kResponses);
    EXPECT_EQ(reply.status, 200) << reply.body;
    const std::string prompt = api.last_prompt();
    EXPECT_NE(prompt.find("<|start|>developer<|message|># Instructions\n\nBe kind.<|end|><|start|>user"),
              std::string::npos)
        << prompt;
    // Instructions that came later stay where they came.
    EXPECT_NE(prompt.find("<|message|>two<|end|><|start|>developer<|message|># Instructions\n\nNow be "
                          "brief.<|end|><|start|>user<|message|>three<|end|>"),
              std::string::npos)
        << prompt;
}

// The second request finds the reference of the first one under the id that it asks for: it meant itself, and so
// on without end.
TEST(Responses, AReferenceThatMeansItselfLeadsNowhere) {
    test::ApiOptions options;
    options.service.stored = std::make_shared<api::StoredResponses>("", api::StoreLimits());
    Api api(options);
    for (int i = 0; i < 2; ++i) {
        api.say("<|channel|>final<|message|>ok<|return|>");
        const api::HttpResponse reply =
            api.ask(request(Json::array({{{"type", "item_reference"}, {"id", "nothing"}}, user_item("hi")})),
                    kResponses);
        EXPECT_EQ(reply.status, 200) << reply.body;
    }
}

// A part that is sent as an item was dropped, and the model answered something else.
TEST(Responses, APartIsNoItem) {
    Api api;
    for (const char* type : {"input_text", "text", "output_text", "input_image", "refusal"}) {
        const api::HttpResponse reply =
            api.ask(request(Json::array({{{"type", type}, {"text", "hi"}}})), kResponses);
        EXPECT_EQ(reply.status, 400) << type;
        EXPECT_EQ(body_of(reply)["error"]["param"], "input[0].type");
    }
}

TEST(Responses, AStreamThatIsTakenUpEndsAsItsResponse) {
    test::ApiOptions options;
    options.service.stored = std::make_shared<api::StoredResponses>("", api::StoreLimits());
    Api api(options);
    api.say(kThoughtAndAnswer);
    Json asked = request("hi");
    for (const auto& [most, ending] : {std::pair{100, "response.completed"}, {3, "response.incomplete"}}) {
        asked["max_output_tokens"] = most;
        const std::string id = body_of(api.ask(asked, kResponses))["id"];
        auto answer = api.service().follow_response({"test", {}}, id, -1);
        const auto events = std::get<std::unique_ptr<api::ResponseStream>>(answer)->take().events;
        ASSERT_EQ(events.size(), 1U);
        EXPECT_EQ(Json::parse(events[0].data)["type"], ending) << most;
    }
}

// Ten thousand references to one item of a megabyte were a prompt of ten gigabytes.
TEST(Responses, AnItemIsToldOnceHoweverOftenItIsReferredTo) {
    test::ApiOptions options;
    options.service.stored = std::make_shared<api::StoredResponses>("", api::StoreLimits());
    Api api(options);
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json item = user_item("The word is cobalt.");
    item["id"] = "msg_1";
    api.ask(request(Json::array({item})), kResponses);
    const Json reference{{"type", "item_reference"}, {"id", "msg_1"}};
    EXPECT_EQ(api.ask(request(Json::array({reference, reference, user_item("Well?")})), kResponses).status,
              200);
    const std::string prompt = api.last_prompt();
    ASSERT_NE(prompt.find("cobalt"), std::string::npos) << prompt;
    EXPECT_EQ(prompt.find("cobalt"), prompt.rfind("cobalt")) << prompt;
}

TEST(Responses, AnEmptyAnswerIsAMessage) {
    Api api;
    api.say(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|><|return|>");
    const Json reply = body_of(api.ask(request("hi"), kResponses));
    ASSERT_EQ(reply["output"].size(), 2U);
    EXPECT_EQ(reply["output"][1]["type"], "message");
    EXPECT_EQ(reply["output"][1]["content"][0]["text"], "");
}

TEST(Responses, ToolChoiceNoneKeepsThePrompt) {
    Api api;
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json asked = request("x");
    asked["tools"] = Json::array({function_tool("weather")});
    api.ask(asked, kResponses);
    const std::string with = api.last_prompt();
    asked["tool_choice"] = "none";
    api.say(
        "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"place\":\"x\"}<|call|>");
    const Json reply = body_of(api.ask(asked, kResponses));
    EXPECT_EQ(api.last_prompt(), with);
    for (const Json& item : reply["output"]) EXPECT_NE(item["type"], "function_call");
}

}  // namespace responses_test
}  // namespace gptoss
