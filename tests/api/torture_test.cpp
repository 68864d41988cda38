// Whatever the model says, the client gets an answer: malformed sequences seen in the wild and random tokens
// go through engine, parser and API. No reply is a 500, no exchange hangs, every stream ends with exactly one
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
    const api::Reply whole = api.ask(request);
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

INSTANTIATE_TEST_SUITE_P(WithAndWithoutTheAutomaton, Torture, testing::Bool(),
                         [](const auto& variant) { return variant.param ? "constrained" : "free"; });

}  // namespace
}  // namespace gptoss
