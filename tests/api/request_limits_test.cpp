// Requests that are too much, one test a finding, and random shapes: refused with the field and the bound named.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "api/chat_request.h"
#include "api/completion_request.h"
#include "api/inference_request.h"
#include "api_fixture.h"
#include "base/error.h"
#include "base/limits.h"
#include "support/rounds.h"

namespace gptoss::api {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

// The message and the field of the refusal; empty when `body` was taken.
std::pair<std::string, std::string> refusal(const std::string& body) {
    try {
        read_chat_request(parse_json(body));
        return {};
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::request_invalid);
        std::string field;
        for (const auto& [name, value] : error.facts())
            if (name == "param") field = value;
        return {error.what(), field};
    }
}

std::string with_field(const std::string& field) {
    return R"({"messages":[{"role":"user","content":"a"}],)" + field + "}";
}

std::string list_of(std::size_t count, const std::function<std::string(std::size_t)>& entry) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += (i > 0 ? "," : "") + entry(i);
    return out;
}

TEST(RequestLimits, KeysOfAnObject) {
    const auto keys = [](std::size_t count) {
        return list_of(count, [](std::size_t i) { return "\"k" + std::to_string(i) + "\":1"; });
    };
    EXPECT_EQ(refusal(with_field("\"x\":{" + keys(15000) + "}")).first, "");
    const auto [message, field] = refusal(with_field("\"x\":{" + keys(100000) + "}"));
    EXPECT_NE(message.find("20000 keys"), std::string::npos) << message;
    EXPECT_EQ(field, "x");
    EXPECT_NE(refusal("{" + keys(100000) + "}").first, "");
}

TEST(RequestLimits, ValuesAreCountedWhileTheyAreRead) {
    for (const char* value : {"1", "[]", "{}", "{\"\":0}", "\"\"", "null"}) {
        const std::string many = repeated(std::string(value) + ",", 600000);
        const auto [message, field] = refusal(with_field("\"x\":[" + many + "1]"));
        EXPECT_NE(message.find("500000 keys and values"), std::string::npos) << value;
        EXPECT_EQ(field, "x");
    }
    EXPECT_EQ(refusal(with_field("\"x\":[" + repeated("7,", 400000) + "7]")).first, "");
}

TEST(RequestLimits, Depth) {
    EXPECT_EQ(refusal(with_field("\"x\":" + repeated("[", 127) + repeated("]", 127))).first, "");
    EXPECT_NE(
        refusal(with_field("\"x\":" + repeated("[", 128) + repeated("]", 128))).first.find("128 levels"),
        std::string::npos);
    EXPECT_NE(refusal(with_field("\"x\":" + repeated("[{\"a\":", 1000000))).first, "");
}

TEST(RequestLimits, ToolsBiasesStopsAndMessages) {
    const auto tools = [](std::size_t count) {
        return with_field("\"tools\":[" +
                          list_of(count,
                                  [](std::size_t i) {
                                      return R"({"type":"function","function":{"name":"t)" +
                                             std::to_string(i) + "\"}}";
                                  }) +
                          "]");
    };
    EXPECT_EQ(refusal(tools(300)).first, "");
    EXPECT_EQ(refusal(tools(100000)).second, "tools");
    const auto biases = [](std::size_t count) {
        return with_field("\"logit_bias\":{" +
                          list_of(count, [](std::size_t i) { return "\"" + std::to_string(i) + "\":-1"; }) +
                          "}");
    };
    EXPECT_EQ(refusal(biases(8192)).first, "");
    EXPECT_EQ(refusal(biases(8193)).second, "logit_bias");
    EXPECT_EQ(refusal(biases(100000)).second, "logit_bias");
    EXPECT_EQ(
        refusal(with_field("\"stop\":[" + list_of(17, [](std::size_t) { return "\"a\""; }) + "]")).second,
        "stop");
    const std::string messages =
        list_of(10001, [](std::size_t) { return R"({"role":"user","content":"a"})"; });
    EXPECT_EQ(refusal("{\"messages\":[" + messages + "]}").second, "messages");
}

TEST(RequestLimits, AKeyGivenTwiceCountsAsTheLastOneSays) {
    EXPECT_EQ(
        read_chat_request(parse_json(with_field("\"max_tokens\":1,\"max_tokens\":3"))).generation.max_tokens,
        3);
    std::string many;
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i % 50) + "\":" + std::to_string(i) + ",";
    const Json json = parse_json("{" + many + "\"end\":1}");
    EXPECT_EQ(json.size(), 51U);
    EXPECT_EQ(json["k7"], 57);
    EXPECT_EQ(json.begin().key(), "k0");
}

TEST(RequestLimits, BrokenJsonSaysWhy) {
    EXPECT_NE(refusal("{\"a\":\"cut \\ud83d\"}").first.find("surrogate"), std::string::npos);
    EXPECT_NE(refusal(std::string("{}\0{}", 5)).first.find("byte 3 is NUL"), std::string::npos);
    EXPECT_NE(refusal("{\"a\":1e999}").first.find("double"), std::string::npos);
}

TEST(RequestLimits, ReadingStopsWhereTheContextEnds) {
    test::Api api;
    const auto status_and_message = [&](const std::string& content) {
        const HttpResponse reply = api.ask(test::user_says(content));
        return std::pair(reply.status, test::body_of(reply)["error"]["message"].get<std::string>());
    };
    const auto [status, message] = status_and_message(repeated("the quick brown fox ", 200000));
    EXPECT_EQ(status, 400);
    EXPECT_NE(message.find("at least"), std::string::npos) << message;
    EXPECT_NE(status_and_message(std::string(3000000, 'a')).second.find("2000000"), std::string::npos);
    EXPECT_THROW(api.service().apply_template(to_text(test::user_says(repeated("the quick ", 200000)))),
                 Error);
    EXPECT_THROW(api.service().tokenize("{\"content\":\"" + repeated("a b ", 400000) + "\"}"), Error);
    EXPECT_NO_THROW(api.service().tokenize("{\"content\":\"" + repeated("a b ", 4000) + "\"}"));
}

// Shapes of requests from a grammar of their own, mutated.
class Shapes {
  public:
    explicit Shapes(std::uint64_t seed) : random_(seed) {}

    std::string request() {
        std::string body = "{" + field("messages", "[" + message() + "," + message() + "]");
        for (std::size_t i = below(6); i-- > 0;) body += "," + any_field();
        body += "}";
        if (one_in(6)) body[below(body.size())] = static_cast<char>(below(256));
        if (one_in(20)) body.resize(below(body.size()));
        return body;
    }

  private:
    std::size_t below(std::size_t count) { return random_() % count; }
    bool one_in(std::size_t count) { return below(count) == 0; }
    std::string of(std::initializer_list<const char*> choices) {
        return *(choices.begin() + below(choices.size()));
    }
    std::string field(const std::string& name, const std::string& value) {
        return "\"" + name + "\":" + value;
    }

    std::string value(int depth = 0) {
        switch (below(depth > 3 ? 6 : 9)) {
            case 0:
                return of({"0", "1", "-1", "1.5", "1e9", "1e400", "18446744073709551616", "-0"});
            case 1:
                return of({"null", "true", "false"});
            case 2:
                return "\"" +
                       repeated(of({"a", "\\n", "\\u00e9", "<|end|>", "\\ud83d"}),
                                below(one_in(50) ? 5000 : 5)) +
                       "\"";
            case 3:
                return of({"\"auto\"", "\"required\"", "\"user\"", "\"function\"", "\"low\"", "\"\""});
            case 6:
                return "[" +
                       list_of(below(one_in(80) ? 3000 : 4), [&](std::size_t) { return value(depth + 2); }) +
                       "]";
            case 7:
                return "{" + list_of(below(4), [&](std::size_t) { return any_field(depth + 1); }) + "}";
            default:
                return of({"[]", "{}", "[[]]", "{\"type\":\"object\"}"});
        }
    }

    std::string message() {
        if (!one_in(3)) return R"({"role":"user","content":"a"})";
        return "{" +
               field("role",
                     of({"\"user\"", "\"assistant\"", "\"tool\"", "\"system\"", "\"function\"", "7"})) +
               "," + field(of({"content", "tool_calls", "tool_call_id", "reasoning", "name"}), value()) + "}";
    }

    std::string tool() {
        return "{\"type\":\"function\",\"function\":{" +
               field("name", "\"" + of({"f", "g", "functions.f", "a b", ""}) + "\"") + "," +
               field(of({"parameters", "strict", "description"}), value()) + "}}";
    }

    std::string any_field(int depth = 0) {
        if (depth == 0 && one_in(4))
            return field("tools", "[" + list_of(below(4), [&](std::size_t) { return tool(); }) + "]");
        return field(of({"model",       "messages",       "tools",
                         "tool_choice", "stop",           "logit_bias",
                         "temperature", "max_tokens",     "response_format",
                         "stream",      "stream_options", "n",
                         "seed",        "reasoning",      "type",
                         "function",    "json_schema",    "schema",
                         "prompt",      "echo",           "x"}),
                     value(depth));
    }

    std::mt19937_64 random_;
};

TEST(RequestLimits, RandomShapesAreTakenOrRefused) {
    const char* asked = std::getenv("GPTOSS_RANDOM_GRAMMARS");
    const long rounds = asked ? std::atol(asked) : test::rounds(10000);
    long taken = 0;
    for (long round = 0; round < rounds; ++round) {
        const std::string body = Shapes(static_cast<std::uint64_t>(round)).request();
        try {
            const Json json = parse_json(body);
            if (round % 3 == 0)
                read_completion_request(json, *test::cut_tokenizer(), 1000);
            else if (round % 3 == 1)
                read_inference_request(json);
            else
                read_chat_request(json);
            ++taken;
        } catch (const Error& error) {
            ASSERT_EQ(error.code(), ErrorCode::request_invalid) << body;
        }
    }
    EXPECT_GT(taken, rounds / 50);
}

}  // namespace
}  // namespace gptoss::api
