// What a client asked for in response_format and in tools, through the engine and its masks: the right value can
// be said, and what cannot be enforced is told.
#include <gtest/gtest.h>

#include "api_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using test::Api;
using test::body_of;
using test::user_says;

Json with_schema(const Json& schema, std::optional<bool> strict = std::nullopt) {
    Json request = user_says("f");
    Json wrapper{{"name", "x"}, {"schema", schema}};
    if (strict) wrapper["strict"] = *strict;
    request["response_format"] = {{"type", "json_schema"}, {"json_schema", wrapper}};
    return request;
}

std::string header_of(const api::HttpResponse& reply, const std::string& name) {
    for (const auto& [field, value] : reply.headers)
        if (field == name) return value;
    return "";
}

// What the node lets the model say when it wishes to say `text`.
std::string said(const Json& request, const std::string& text) {
    Api api;
    api.say("<|channel|>final<|message|>" + text + "<|return|>");
    const api::HttpResponse reply = api.ask(request);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.status == 200 ? body_of(reply)["choices"][0]["message"]["content"].get<std::string>()
                               : reply.body;
}

TEST(StructuredOutput, FormatsAreAsWideAsTheirStandards) {
    const std::pair<const char*, std::vector<const char*>> cases[] = {
        {"email",
         {"o'neil@example.com", "a&b@x.org", "x!y@x.org", "user/name@x.org", "te~st@x.org",
          "\\\"a b\\\"@x.org", "a@[127.0.0.1]", "a@[IPv6:::1]", "a@localhost"}},
        {"uri",
         {"https://user:p%40ss@example.org/", "git+ssh://git@example.org/a/b.git", "http://[2001:db8::1]/",
          "file:///etc/hosts", "http://a_b/", "mailto:a@b.org", "urn:isbn:0451450523",
          "tel:+1-816-555-1212"}},
        {"ipv6", {"::ffff:192.0.2.1", "::", "1::", "1:2:3:4:5:6:1.2.3.4", "fe80::1:2", "::1.2.3.4"}},
        {"time", {"23:59:60Z", "15:59:60-08:00", "12:00:00.123456789012z"}},
        {"date-time", {"1990-12-31t23:59:60.5z"}},
        {"duration", {"P1000000000000D"}},
        {"uri-reference", {"/a/b?c", "../x", "#f", "//host/p", "a%20b"}},
        {"json-pointer", {"", "/a~1b/~0"}},
    };
    for (const auto& [format, texts] : cases)
        for (const char* text : texts) {
            const std::string value = "\"" + std::string(text) + "\"";
            EXPECT_EQ(said(with_schema({{"type", "string"}, {"format", format}}, true), value), value)
                << format;
        }
}

TEST(StructuredOutput, NumbersKeepTheirValue) {
    const std::string uint256 =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    const Json number{{"type", "number"}}, integer{{"type", "integer"}};
    for (const std::string& value :
         {uint256, std::string("-") + uint256, std::string("1.5e-100"), std::string("2.5E+300"),
          std::string("123456789012345678901234567890.5")}) {
        EXPECT_EQ(said(with_schema(number), value), value);
        Json free = user_says("f");
        free["response_format"] = {{"type", "json_object"}};
        EXPECT_EQ(said(free, "{\"v\":" + value + "}"), "{\"v\":" + value + "}");
    }
    EXPECT_EQ(said(with_schema(integer), uint256), uint256);
    EXPECT_EQ(said(with_schema({{"type", "integer"}, {"minimum", 0}}), uint256), uint256);
    const Json u64{{"type", "integer"}, {"minimum", 0}, {"maximum", 18446744073709551615U}};
    EXPECT_EQ(said(with_schema(u64), "18446744073709551615"), "18446744073709551615");
    EXPECT_EQ(said(with_schema({{"type", "number"}, {"minimum", -90}, {"maximum", 90}}), "1.5e-7"), "1.5e-7");
    // A bound that no double tells from its neighbour is no bound.
    Api api;
    const api::HttpResponse reply =
        api.ask_text(R"({"messages":[{"role":"user","content":"f"}],"response_format":{"type":"json_schema",
        "json_schema":{"name":"x","strict":true,"schema":{"type":"integer","maximum":)" +
                     uint256 + "}}}}");
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(body_of(reply)["error"]["param"], "response_format.json_schema.schema");
}

TEST(StructuredOutput, NumbersOfACallKeepTheirValue) {
    Api api;
    api.say(
        "<|channel|>commentary to=functions.f "
        "<|constrain|>json<|message|>{\"wei\":123000000000000000000}<|call|>");
    Json request = user_says("pay");
    request["tools"] = Json::parse(
        R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"number"}}}}}])");
    const Json message = body_of(api.ask(request))["choices"][0]["message"];
    EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], "{\"wei\":123000000000000000000}");
}

TEST(StructuredOutput, FreeJsonNestsAsDeepAsTheDocumentsSay) {
    const std::string arrays = std::string(100, '[') + std::string(100, ']');
    EXPECT_EQ(said(with_schema(Json::object()), arrays), arrays);
    std::string mixed, end;
    for (int i = 0; i < 50; ++i) {
        mixed += "[{\"a\":";
        end += "}]";
    }
    EXPECT_EQ(said(with_schema(Json::object()), mixed + "1" + end), mixed + "1" + end);
}

TEST(StructuredOutput, SchemasAsClientsWriteThem) {
    const Json schemas[] = {
        Json::parse(
            R"({"type":"object","properties":{"a":{"$ref":"#/definitions/Box%3Cstring%3E"}},"required":["a"],
            "definitions":{"Box<string>":{"type":"string"}}})"),
        Json::parse(R"({"type":"object","properties":{"a":{"$ref":"#/%24defs/T~1U"}},"required":["a"],
            "$defs":{"T/U":{"type":"string"}}})"),
        Json::parse(
            R"({"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"type":"string"}})"),
        Json::parse(R"({"type":"object","propertyNames":{},"patternProperties":{},"minProperties":0})"),
        Json::parse(
            R"({"type":"object","properties":{"a":{"type":"string"}},"unevaluatedProperties":true,"dependentRequired":{}})"),
    };
    for (const Json& schema : schemas)
        EXPECT_EQ(said(with_schema(schema, true), "{\"a\":\"x\"}"), "{\"a\":\"x\"}");
}

TEST(StructuredOutput, AJsonObjectMayHaveASchema) {
    Json request = user_says("j");
    request["response_format"] = Json::parse(
        R"({"type":"json_object","schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}})");
    EXPECT_EQ(said(request, "{\"a\":12}"), "{\"a\":12}");
    EXPECT_EQ(said(request, "{\"b\":\"not of the schema\"}").find("\"b\""), std::string::npos);
    request["response_format"]["schema"]["properties"]["a"] = Json::parse(R"({"$ref":"#/nowhere"})");
    Api api;
    EXPECT_EQ(body_of(api.ask(request))["error"]["param"], "response_format.schema");
}

TEST(StructuredOutput, WithoutASchemaAnyJsonWillDo) {
    Json request = user_says("j");
    request["response_format"] = Json::parse(R"({"type":"json_schema","json_schema":{"name":"x"}})");
    EXPECT_EQ(said(request, "[1,\"a\"]"), "[1,\"a\"]");
}

// `strict` alone binds to the subset.
TEST(StructuredOutput, WhatCannotBeEnforcedIsTold) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"type":"object","properties":{"a":{"type":"integer","multipleOf":5}},"required":["a"]})",
         "multipleOf at #/properties/a"},
        {R"({"oneOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}]})",
         "oneOf at #"},
        {R"({"type":"object","properties":{"a":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
         "anyOf at #"},
        {R"({"allOf":[{},{"type":"object"}]})", "allOf at #"},
        {R"-({"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"string","pattern":"(?=x)"}]}}})-",
         "pattern at #/properties/a/anyOf/1"},
        {R"({"type":"object","properties":{"a":true,"b":{"type":"string","format":"iri"}},"minProperties":1})",
         "minProperties at #, format at #/properties/b"},
        {R"({"type":"object","properties":{"a":{"$ref":"http://x.org/s"},"\u00e9,":{"not":{}}}})",
         "$ref at #/properties/a, not at #/properties/%C3%A9%2C"},
    };
    for (const auto& [schema, unenforced] : cases) {
        Api api;
        api.say("<|channel|>final<|message|>{\"a\":12}<|return|>");
        const api::HttpResponse reply = api.ask(with_schema(Json::parse(schema)));
        ASSERT_EQ(reply.status, 200) << reply.body;
        EXPECT_EQ(body_of(reply)["choices"][0]["message"]["content"], "{\"a\":12}") << schema;
        EXPECT_EQ(header_of(reply, "X-Schema-Not-Enforced"), unenforced);
        const api::HttpResponse strict = api.ask(with_schema(Json::parse(schema), true));
        EXPECT_EQ(strict.status, 400) << schema;
        EXPECT_EQ(body_of(strict)["error"]["param"], "response_format.json_schema.schema");
    }
    Api api;
    api.say("<|channel|>final<|message|>12<|return|>");
    EXPECT_EQ(header_of(api.ask(with_schema({{"type", "integer"}})), "X-Schema-Not-Enforced"), "");
}

TEST(StructuredOutput, ErrorsNameTheTool) {
    Json request = user_says("f");
    request["tools"] = Json::parse(R"([{"type":"function","function":{"name":"a"}},
        {"type":"function","function":{"name":"b","strict":true,"parameters":{"type":"object","properties":{"x":{"not":{}}}}}}])");
    Api api;
    const Json error = body_of(api.ask(request))["error"];
    EXPECT_EQ(error["param"], "tools[1].function.parameters");
    EXPECT_EQ(error["keyword"], "not");
    EXPECT_EQ(error["path"], "#/properties/x");
}

// Each choice has a constraint of its own.
TEST(StructuredOutput, ChoicesDoNotMeddle) {
    Api api;
    api.say("<|channel|>final<|message|>{\"a\":12}<|return|>");
    Json request = with_schema(
        Json::parse(R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})"));
    request["n"] = 3;
    const Json choices = body_of(api.ask(request))["choices"];
    ASSERT_EQ(choices.size(), 3U);
    for (const Json& choice : choices) EXPECT_EQ(choice["message"]["content"], "{\"a\":12}");
}

}  // namespace
}  // namespace gptoss
