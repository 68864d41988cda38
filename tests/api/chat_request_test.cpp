// Chat requests as clients send them, the odd ones too.
#include "api/chat_request.h"

#include <gtest/gtest.h>

#include "api/error_reply.h"

namespace gptoss::api {
namespace {

using harmony::Channel;
using harmony::Role;

Json base() {
    return Json::parse(R"({"model": "m", "messages": [{"role": "user", "content": "hi"}]})");
}

Json with(const std::string& path, const std::string& value) {
    Json request = base();
    request[Json::json_pointer(path)] = Json::parse(value);
    return request;
}

// The field that the refusal names; "accepted" when there is none.
std::string refused_field(const Json& request) {
    try {
        read_chat_request(request);
        return "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::request_invalid);
        const Json body = openai_error(error)["error"];
        EXPECT_EQ(body["type"], "invalid_request_error");
        EXPECT_FALSE(body["message"].get<std::string>().empty());
        return body["param"].is_string() ? body["param"].get<std::string>() : "unnamed";
    }
}

TEST(ChatRequest, NamesTheFieldOfAWrongType) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"/model", "1"},
        {"/messages", "\"hi\""},
        {"/messages", "[]"},
        {"/stream", "\"yes\""},
        {"/stream_options", "true"},
        {"/temperature", "\"hot\""},
        {"/temperature", "2.5"},
        {"/temperature", "-1"},
        {"/top_p", "1.5"},
        {"/top_k", "1.5"},
        {"/min_p", "[]"},
        {"/n", "0"},
        {"/n", "1000"},
        {"/seed", "\"x\""},
        {"/seed", "1.5"},
        {"/stop", "1"},
        {"/stop", "[1]"},
        {"/max_tokens", "-1"},
        {"/max_tokens", "0"},
        {"/max_completion_tokens", "0"},
        {"/max_completion_tokens", "1e300"},
        {"/logit_bias", "[]"},
        {"/logit_bias", "{\"x\": 1}"},
        {"/logit_bias", "{\"-3\": 1}"},
        {"/logprobs", "5"},
        {"/top_logprobs", "21"},
        {"/top_logprobs", "3"},
        {"/reasoning_effort", "\"huge\""},
        {"/reasoning_effort", "3"},
        {"/tools", "{}"},
        {"/tool_choice", "\"maybe\""},
        {"/tool_choice", "\"required\""},
        {"/tool_choice", "7"},
        {"/response_format", "\"json\""},
        {"/frequency_penalty", "3"},
        {"/parallel_tool_calls", "1"},
    };
    for (const auto& [path, value] : wrong) {
        EXPECT_EQ(refused_field(with(path, value)), path.substr(1)) << value;
    }
}

TEST(ChatRequest, NamesFieldsInsideListsAndObjects) {
    EXPECT_EQ(refused_field(with("/messages/0/content", "3")), "messages[0].content");
    EXPECT_EQ(refused_field(with("/messages/0/role", "\"king\"")), "messages[0].role");
    EXPECT_EQ(refused_field(with("/messages/0", "3")), "messages[0]");
    EXPECT_EQ(refused_field(with("/messages/0/content", R"([{"type": "image_url", "image_url": {}}])")),
              "messages[0].content[0].type");
    EXPECT_EQ(refused_field(with("/messages/0/content", R"([{"type": "text", "text": 1}])")),
              "messages[0].content[0].text");
    EXPECT_EQ(refused_field(with("/tools", R"([{"type": "web_search"}])")), "tools[0].type");
    EXPECT_EQ(refused_field(with("/tools", R"([{"type": "function"}])")), "tools[0].function");
    EXPECT_EQ(refused_field(with("/tools", R"([{"type": "custom"}])")), "tools[0].custom");
    EXPECT_EQ(refused_field(with("/tools", R"([{"type": "function", "function": {"name": "a b"}}])")),
              "tools[0].function.name");
    EXPECT_EQ(refused_field(
                  with("/tools", R"([{"type": "function", "function": {"name": "a", "parameters": 1}}])")),
              "tools[0].function.parameters");
    EXPECT_EQ(refused_field(with("/stream_options", R"({"include_usage": 1})")),
              "stream_options.include_usage");
    EXPECT_EQ(refused_field(with("/response_format", R"({"type": "xml"})")), "response_format.type");
    EXPECT_EQ(
        refused_field(with("/response_format", R"({"type": "json_schema", "json_schema": {"schema": 1}})")),
        "response_format.json_schema.schema");
    EXPECT_EQ(refused_field(with("/response_format", R"({"type": "json_object", "schema": []})")),
              "response_format.schema");
    EXPECT_EQ(refused_field(with("/tool_choice", R"({"type": "function", "function": {"name": "absent"}})")),
              "tool_choice.function.name");
    EXPECT_EQ(
        refused_field(with("/messages/0", R"({"role": "tool", "tool_call_id": "nobody", "content": "x"})")),
        "messages[0].tool_call_id");
    EXPECT_EQ(refused_field(with("/messages/0", R"({"role": "assistant", "tool_calls": [{"id": "1"}]})")),
              "messages[0].tool_calls[0].function");
}

TEST(ChatRequest, IgnoresWhatItDoesNotKnowAndNulls) {
    Json request = base();
    for (const char* name :
         {"temperature", "tools", "tool_choice", "stop", "stream_options", "response_format", "logit_bias",
          "max_tokens", "reasoning_effort", "seed", "n"}) {
        request[name] = nullptr;
    }
    for (const char* name : {"user", "metadata", "store", "service_tier", "safety_identifier",
                             "prompt_cache_key", "prediction", "include", "no_such_field"}) {
        request[name] = Json{{"anything", 1}};
    }
    EXPECT_EQ(refused_field(request), "accepted");
}

TEST(ChatRequest, ClampsTheEffortsOthersKnow) {
    const auto effort = [](const char* text) {
        return to_string(read_chat_request(with("/reasoning_effort", text)).conversation.effort);
    };
    EXPECT_EQ(effort("\"none\""), "low");
    EXPECT_EQ(effort("\"minimal\""), "low");
    EXPECT_EQ(effort("\"low\""), "low");
    EXPECT_EQ(effort("\"medium\""), "medium");
    EXPECT_EQ(effort("\"high\""), "high");
    EXPECT_EQ(effort("\"xhigh\""), "high");
    EXPECT_EQ(effort("\"max\""), "high");
    EXPECT_EQ(effort("null"), "medium");
}

TEST(ChatRequest, DefaultsAreWhatGptOssWants) {
    const GenerationOptions options = read_chat_request(base()).generation;
    EXPECT_EQ(options.sampling.temperature, 1.0F);
    EXPECT_EQ(options.sampling.top_p, 1.0F);
    EXPECT_EQ(options.sampling.top_k, 0);
    EXPECT_EQ(options.sampling.min_p, 0.0F);
    EXPECT_EQ(options.sampling.repetition_penalty, 1.0F);
    EXPECT_FALSE(options.max_tokens.has_value());
}

TEST(ChatRequest, MergesSystemAndDeveloperMessagesInOrder) {
    Json request = base();
    request["messages"] = Json::parse(R"([
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [{"type": "text", "text": "Tw"}, {"type": "text", "text": "o."}]},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "Three."}])");
    const auto conversation = conversation_from_chat_request(request);
    EXPECT_EQ(conversation.instructions, "One.\n\nTwo.\n\nThree.");
    EXPECT_EQ(conversation.messages.size(), 1U);
}

TEST(ChatRequest, TakesAnAssistantMessageApart) {
    Json request = base();
    request["messages"] = Json::parse(R"([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Let me see.", "reasoning_content": "I should look.",
         "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                        {"id": "b", "type": "function", "function": {"name": "listen", "arguments": {"x": 1}}}]},
        {"role": "tool", "tool_call_id": "b", "content": "music"},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "a house"}]},
        {"role": "assistant", "content": "A house with music."}])");
    const auto messages = conversation_from_chat_request(request).messages;
    ASSERT_EQ(messages.size(), 8U);
    EXPECT_EQ(messages[1].channel, Channel::analysis);
    EXPECT_EQ(messages[1].content, "I should look.");
    EXPECT_EQ(messages[2].channel, Channel::commentary);
    EXPECT_EQ(messages[2].content, "Let me see.");
    EXPECT_EQ(messages[2].recipient, "");
    EXPECT_EQ(messages[3].recipient, "functions.look");
    EXPECT_EQ(messages[3].content_type, "json");
    EXPECT_EQ(messages[4].recipient, "functions.listen");
    EXPECT_EQ(messages[4].content, "{\"x\":1}");
    EXPECT_EQ(messages[5].role, Role::tool);
    EXPECT_EQ(messages[5].name, "functions.listen");
    EXPECT_EQ(messages[6].name, "functions.look");
    EXPECT_EQ(messages[6].content, "a house");
    EXPECT_EQ(messages[7].channel, Channel::final);
}

// The second turn of OpenAI's agents SDK: no content key beside the calls, `reasoning` instead of
// reasoning_content.
TEST(ChatRequest, AcceptsAnAssistantMessageWithoutContent) {
    Json request = base();
    request["messages"].push_back(Json::parse(R"({"role": "assistant", "reasoning": "Hm.",
        "tool_calls": [{"id": "a", "function": {"name": "look", "arguments": ""}}]})"));
    request["messages"].push_back(Json::parse(R"({"role": "tool", "tool_call_id": "a", "content": ""})"));
    const auto messages = conversation_from_chat_request(request).messages;
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[1].content, "Hm.");
    EXPECT_EQ(messages[2].recipient, "functions.look");
}

TEST(ChatRequest, KeepsTheOrderOfAToolsParameters) {
    Json request = base();
    request["tools"] =
        Json::parse(R"([{"type": "function", "function": {"name": "f", "strict": true, "parameters":
        {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}}}])");
    const auto tools = read_chat_request(request).conversation.tools;
    ASSERT_EQ(tools.size(), 1U);
    EXPECT_TRUE(tools[0].strict);
    EXPECT_EQ(tools[0].parameters["properties"].begin().key(), "z");
    request["tool_choice"] = "none";
    EXPECT_TRUE(read_chat_request(request).conversation.tools.empty());
}

TEST(ChatRequest, RefusesWhatIsNotJson) {
    for (const std::string body : {"", "{", "{\"a\": }", "\xff\xfe", "{} {}", "{\"a\": \"\xc3\"}"}) {
        EXPECT_THROW(parse_json(body), Error) << body;
    }
    EXPECT_THROW(parse_json(std::string(1'000'000, '[')), Error);
    EXPECT_NO_THROW(parse_json(R"({"brackets": "[[[[[[[[\"[[["})"));
    for (const char* body : {"[]", "3", "\"text\"", "null"}) {
        EXPECT_THROW(read_chat_request(parse_json(body)), Error) << body;
    }
}

}  // namespace
}  // namespace gptoss::api
