// Tools of every kind, old and new: custom tools, allowed tools, and the forerunners of tools.
#include <gtest/gtest.h>

#include "api/chat_request.h"
#include "api/error_reply.h"
#include "api_fixture.h"

namespace gptoss::api {
namespace {

using test::Api;
using test::body_of;
using test::user_says;

constexpr const char* kPatch =
    "<|channel|>analysis<|message|>I patch.<|end|><|start|>assistant to=functions.patch<|channel|>commentary"
    "<|message|>*** Begin\n-\"a\"\n+{b}<|call|>";
constexpr const char* kPatchText = "*** Begin\n-\"a\"\n+{b}";

Json patch_tool() {
    return Json::parse(R"({"type": "custom", "custom": {"name": "patch", "description": "Edits files."}})");
}

Json function_tool(const std::string& name) {
    return {{"type", "function"}, {"function", {{"name", name}}}};
}

TEST(CustomTools, TakeAnyText) {
    Api api;
    api.say(kPatch);
    Json request = user_says("go");
    request["tools"] = Json::array({patch_tool(), function_tool("f")});
    const Json choice = body_of(api.ask(request))["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U) << choice;
    const Json call = choice["message"]["tool_calls"][0];
    EXPECT_EQ(call["type"], "custom");
    EXPECT_EQ(call["custom"], (Json{{"name", "patch"}, {"input", kPatchText}}));
    EXPECT_NE(api.last_prompt().find("// Edits files.\ntype patch = (_: string) => any;"), std::string::npos);

    std::string name, input;
    for (const Json& event : api.stream(request)) {
        if (!event.is_object() || event["choices"].empty()) continue;
        for (const Json& piece : event["choices"][0]["delta"].value("tool_calls", Json::array())) {
            EXPECT_EQ(piece.value("type", "custom"), "custom");
            name += piece["custom"].value("name", "");
            input += piece["custom"].value("input", "");
        }
    }
    EXPECT_EQ(name, "patch");
    EXPECT_EQ(input, kPatchText);
}

TEST(CustomTools, AreRememberedAndRenderedAsText) {
    Api api;
    api.say(kPatch);
    Json request = user_says("go");
    request["tools"] = Json::array({patch_tool()});
    const Json call = body_of(api.ask(request))["choices"][0]["message"]["tool_calls"][0];
    const std::string first = api.last_prompt();
    request["messages"].push_back({{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {call}}});
    request["messages"].push_back({{"role", "tool"}, {"tool_call_id", call["id"]}, {"content", "done"}});
    api.ask(request);
    EXPECT_EQ(api.last_prompt(), first + kPatch +
                                     "<|start|>functions.patch to=assistant<|channel|>commentary<|message|>"
                                     "done<|end|><|start|>assistant");
    // Without the memory of another node: the canonical header, without a content type.
    request["messages"][1]["tool_calls"][0]["id"] = "elsewhere";
    request["messages"][2]["tool_call_id"] = "elsewhere";
    api.ask(request);
    EXPECT_NE(
        api.last_prompt().find(std::string("assistant to=functions.patch<|channel|>commentary<|message|>") +
                               kPatchText + "<|call|>"),
        std::string::npos);
}

TEST(CustomTools, MayBeChosenByNameAndStayEmpty) {
    Api api;
    api.say(" to=functions.f<|channel|>commentary<|message|>{}<|call|>");  // masked
    Json request = user_says("go");
    request["tools"] = Json::array({patch_tool(), function_tool("f")});
    request["tool_choice"] = Json::parse(R"({"type": "custom", "custom": {"name": "patch"}})");
    request["max_tokens"] = 200;
    const Json message = body_of(api.ask(request))["choices"][0]["message"];
    ASSERT_TRUE(message.contains("tool_calls")) << message;
    EXPECT_EQ(message["tool_calls"][0]["custom"]["name"], "patch");

    api.say(" to=functions.patch<|channel|>commentary<|message|><|call|>");
    const Json empty = body_of(api.ask(request))["choices"][0]["message"]["tool_calls"][0];
    EXPECT_EQ(empty["custom"]["input"], "");
}

TEST(AllowedTools, NarrowWhatMayBeCalledAndLeaveThePromptAsItIs) {
    Api api;
    Json request = user_says("go");
    request["tools"] = Json::array({function_tool("f"), function_tool("g"), patch_tool()});
    api.say(" to=functions.f<|channel|>commentary<|message|>{}<|call|>");
    EXPECT_EQ(body_of(api.ask(request))["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "f");
    const std::string prompt = api.last_prompt();

    request["tool_choice"] = Json::parse(R"({"type": "allowed_tools", "allowed_tools": {"mode": "required",
        "tools": [{"type": "function", "function": {"name": "g"}}]}})");
    EXPECT_EQ(body_of(api.ask(request))["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "g");
    EXPECT_EQ(api.last_prompt(), prompt);

    request["tool_choice"]["allowed_tools"] = {{"mode", "auto"}, {"tools", Json::array()}};
    api.say("<|channel|>final<|message|>No call.<|return|>");
    EXPECT_EQ(body_of(api.ask(request))["choices"][0]["message"]["content"], "No call.");
    EXPECT_EQ(api.last_prompt(), prompt);
}

TEST(LegacyFunctions, AreAnsweredWithOneFunctionCall) {
    Api api;
    api.say(
        "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant"
        " to=functions.look<|channel|>commentary <|constrain|>json<|message|>{\"at\":\"it\"}<|call|>");
    Json request = user_says("go");
    request["functions"] = Json::parse(R"([{"name": "look", "description": "Looks.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}])");
    request["parallel_tool_calls"] = true;
    const Json choice = body_of(api.ask(request))["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "function_call");
    EXPECT_EQ(choice["message"]["function_call"], (Json{{"name", "look"}, {"arguments", R"({"at":"it"})"}}));
    EXPECT_FALSE(choice["message"].contains("tool_calls"));
    EXPECT_EQ(choice["message"]["content"], "Let me look.");

    std::string name, arguments, finish;
    for (const Json& event : api.stream(request)) {
        if (!event.is_object() || event["choices"].empty()) continue;
        const Json& delta = event["choices"][0]["delta"];
        EXPECT_FALSE(delta.contains("tool_calls"));
        if (delta.contains("function_call")) {
            name += delta["function_call"].value("name", "");
            arguments += delta["function_call"].value("arguments", "");
        }
        if (event["choices"][0]["finish_reason"].is_string()) finish = event["choices"][0]["finish_reason"];
    }
    EXPECT_EQ(name, "look");
    EXPECT_EQ(arguments, R"({"at":"it"})");
    EXPECT_EQ(finish, "function_call");

    request["messages"].push_back(
        {{"role", "assistant"}, {"content", nullptr}, {"function_call", choice["message"]["function_call"]}});
    request["messages"].push_back({{"role", "function"}, {"name", "look"}, {"content", "seen"}});
    api.ask(request);
    EXPECT_NE(
        api.last_prompt().find("assistant to=functions.look<|channel|>commentary <|constrain|>json<|message|>"
                               "{\"at\":\"it\"}<|call|><|start|>functions.look to=assistant<|channel|>"
                               "commentary<|message|>seen<|end|>"),
        std::string::npos)
        << api.last_prompt();
}

TEST(LegacyFunctions, FunctionCallChooses) {
    Api api;
    api.say("<|channel|>final<|message|>No.<|return|>");
    Json request = user_says("go");
    request["functions"] = Json::parse(R"([{"name": "a"}, {"name": "b"}])");
    request["function_call"] = "none";
    EXPECT_EQ(body_of(api.ask(request))["choices"][0]["message"]["content"], "No.");
    EXPECT_EQ(api.last_prompt().find("namespace functions"), std::string::npos);
    request["function_call"] = {{"name", "b"}};
    api.say(" to=functions.a<|channel|>commentary<|message|>{}<|call|>");  // masked
    EXPECT_EQ(body_of(api.ask(request))["choices"][0]["message"]["function_call"]["name"], "b");
}

struct Refused {
    const char* field;  // the one that the refusal names; "accepted" when there is none
    const char* request;
};

TEST(ChatTools, RefusalsNameTheField) {
    const Refused cases[] = {
        {"tools[0].type", R"({"tools": [{"type": "web_search"}]})"},
        {"tools[0].custom.format.type",
         R"({"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "xml"}}}]})"},
        {"tools[0].custom.format.grammar",
         R"({"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar"}}}]})"},
        {"tools[0].custom.format.grammar.syntax",
         R"({"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar",
             "grammar": {"syntax": "ebnf", "definition": "x"}}}}]})"},
        {"tools[1].custom.name", R"({"tools": [{"type": "function", "function": {"name": "c"}},
             {"type": "custom", "custom": {"name": "c"}}]})"},
        {"accepted",
         R"({"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}]})"},
        {"tool_choice.function.name", R"({"tools": [{"type": "custom", "custom": {"name": "c"}}],
             "tool_choice": {"type": "function", "function": {"name": "c"}}})"},
        {"tool_choice.allowed_tools", R"({"tools": [{"type": "custom", "custom": {"name": "c"}}],
             "tool_choice": {"type": "allowed_tools"}})"},
        {"tool_choice.allowed_tools.mode", R"({"tools": [{"type": "custom", "custom": {"name": "c"}}],
             "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": []}}})"},
        {"tool_choice.allowed_tools.tools", R"({"tools": [{"type": "custom", "custom": {"name": "c"}}],
             "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}})"},
        {"tool_choice.allowed_tools.tools[0].custom.name",
         R"({"tools": [{"type": "custom", "custom": {"name": "c"}}],
             "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto",
             "tools": [{"type": "custom", "custom": {"name": "d"}}]}}})"},
        {"functions", R"({"functions": [{"name": "f"}], "tools": []})"},
        {"functions[0].name", R"({"functions": [{"name": "f g"}]})"},
        {"functions[1].name", R"({"functions": [{"name": "f"}, {"name": "f"}]})"},
        {"function_call", R"({"function_call": {"name": "f"}})"},
        {"function_call", R"({"functions": [{"name": "f"}], "function_call": 3})"},
        {"function_call.name", R"({"functions": [{"name": "f"}], "function_call": {"name": "g"}})"},
        {"messages[1].tool_calls[0].type", R"({"messages": [{"role": "user", "content": "x"},
             {"role": "assistant", "tool_calls": [{"id": "1", "type": "magic"}]}]})"},
        {"messages[1].tool_calls[0].custom", R"({"messages": [{"role": "user", "content": "x"},
             {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]})"},
        {"messages[1].function_call.name", R"({"messages": [{"role": "user", "content": "x"},
             {"role": "assistant", "function_call": {}}]})"},
        {"messages[0].name", R"({"messages": [{"role": "function", "content": "x"}]})"},
        {"accepted", R"({"function_call": "auto"})"},
    };
    for (const Refused& each : cases) {
        Json request = user_says("x");
        request.update(Json::parse(each.request));
        std::string field = "accepted";
        try {
            read_chat_request(request);
        } catch (const Error& error) {
            const Json param = openai_error(error)["error"]["param"];
            field = param.is_string() ? param.get<std::string>() : "unnamed";
        }
        EXPECT_EQ(field, each.field) << each.request;
    }
}

TEST(ChatTools, IgnoredFieldsAreToldInAHeader) {
    Api api;
    api.say("<|channel|>final<|message|>Hi.<|return|>");
    const auto told = [&](const char* fields) {
        Json request = user_says("x");
        request.update(Json::parse(fields));
        const HttpResponse reply = api.ask(request);
        EXPECT_EQ(reply.status, 200);
        for (const auto& [name, value] : reply.headers)
            if (name == "X-Ignored-Fields") return value;
        return std::string();
    };
    EXPECT_EQ(told("{}"), "");
    EXPECT_EQ(told(R"({"store": true, "metadata": {"a": "b"}, "verbosity": "low", "audio": {}})"),
              "store, metadata, verbosity, audio");
    EXPECT_EQ(told(R"({"store": false, "modalities": ["text"], "service_tier": "auto", "verbosity": "medium",
                      "user": null, "temperature": 1, "stream_options": null})"),
              "");
    EXPECT_EQ(told(R"({"a\r\nB: c": 1, "é, %": 2})"), "a%0D%0AB: c, %C3%A9%2C %25");
}

TEST(ChatTools, WhatIsNoObjectHasNoParameter) {
    for (const char* body : {"[]", "3", "\"x\"", "null"}) {
        try {
            read_chat_request(parse_json(body));
            FAIL() << body;
        } catch (const Error& error) {
            EXPECT_TRUE(openai_error(error)["error"]["param"].is_null()) << body;
        }
    }
}

TEST(ChatTools, AnUnknownModelHasItsOwnCode) {
    test::ApiOptions options;
    options.service.strict_model_name = true;
    Api api(options);
    Json request = user_says("x");
    request["model"] = "gpt-9";
    const HttpResponse reply = api.ask(request);
    EXPECT_EQ(reply.status, 404);
    EXPECT_EQ(body_of(reply)["error"]["code"], "model_not_found");
    EXPECT_EQ(body_of(reply)["error"]["param"], "model");
}

TEST(ChatTools, StopStringsMatchWhatTheModelWrote) {
    Api api;
    api.say(
        "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>"
        "Answer\n\nmore<|return|>");
    Json request = user_says("x");
    request["tools"] = Json::array({function_tool("f")});
    request["stop"] = {"\n\n", ".Answer", "see.\n\nAnswer"};
    const Json choice = body_of(api.ask(request))["choices"][0];
    EXPECT_EQ(choice["message"]["content"], "Let me see.\n\nAnswer");
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_EQ(test::assembled(api.stream(request))["content"], "Let me see.\n\nAnswer");
}

}  // namespace
}  // namespace gptoss::api
