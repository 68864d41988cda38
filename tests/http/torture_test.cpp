// The same over real connections: whatever the model says, every request over HTTP gets status 200 and
// exactly one finish, and the connection stays usable.
#include <gtest/gtest.h>

#include "api/malformed.h"
#include "http/http_client.h"
#include "http/node_fixture.h"
#include "support/rounds.h"

namespace gptoss {
namespace {

using api::Json;

std::size_t occurrences(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

// Asks whole and streamed over one connection.
void expect_one_answer(test::HttpClient& client, Json request, const std::string& what) {
    client.request("POST", test::kChat, api::to_text(request));
    const test::HttpReply whole = client.read_reply();
    ASSERT_EQ(whole.status, 200) << what << "\n" << whole.body;
    const Json finish = Json::parse(whole.body)["choices"][0]["finish_reason"];
    request["stream"] = true;
    client.request("POST", test::kChat, api::to_text(request));
    const test::HttpReply streamed = client.read_reply();
    ASSERT_EQ(streamed.status, 200) << what;
    ASSERT_TRUE(streamed.complete) << what;
    ASSERT_EQ(occurrences(streamed.body, "\"finish_reason\":\""), 1U) << what << "\n" << streamed.body;
    ASSERT_NE(streamed.body.find("\"finish_reason\":" + finish.dump()), std::string::npos) << what;
    ASSERT_EQ(occurrences(streamed.body, "data: [DONE]\n\n"), 1U) << what;
    ASSERT_EQ(streamed.body.find("data: {\"error\""), std::string::npos) << what;
}

class TortureOverHttp : public testing::TestWithParam<bool> {};

TEST_P(TortureOverHttp, EveryRequestEndsOnce) {
    test::ApiOptions options;
    options.constrained = GetParam();
    test::Node node(options);
    test::HttpClient client(node.port());
    for (const std::string& said : test::kMalformed) {
        node.api.say(said);
        for (Json request : {test::user_says("hi"), test::with_weather_tool("hi")}) {
            request["max_tokens"] = 120;
            ASSERT_NO_FATAL_FAILURE(expect_one_answer(client, request, said));
        }
    }
    const Tokenizer& tokenizer = *test::cut_tokenizer();
    std::mt19937 random(23);
    // The API tests replay 10,000; here fewer, for the way through the sockets, which ThreadSanitizer sees in each.
    for (int round = 0; round < (test::kThreadSanitized ? 100 : 500); ++round) {
        std::vector<TokenId> tokens = test::random_tokens(tokenizer, random);
        const std::string text = tokenizer.decode(tokens);
        node.api.say_tokens(std::move(tokens));
        Json request = random() % 2 == 0 ? test::user_says("hi") : test::with_weather_tool("hi");
        request["max_tokens"] = random() % 40 + 1;
        ASSERT_NO_FATAL_FAILURE(expect_one_answer(client, request, text));
    }
    EXPECT_TRUE(node.becomes_idle());
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutTheAutomaton, TortureOverHttp, testing::Bool(),
                         [](const auto& variant) { return variant.param ? "constrained" : "free"; });

}  // namespace
}  // namespace gptoss
