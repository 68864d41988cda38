#include "acceptance/answer.h"

#include <gtest/gtest.h>

namespace gptoss::acceptance {
namespace {

Answer whole(const std::string& body) {
    Answer answer;
    read_whole_answer(body, answer);
    return answer;
}

TEST(Answer, ReadsEitherNameOfReasoningOnce) {
    for (const char* message :
         {R"({"reasoning":"why","content":"so"})", R"({"reasoning_content":"why","content":"so"})",
          R"({"reasoning":"why","reasoning_content":"why","content":"so"})"}) {
        const Answer answer =
            whole(std::string(R"({"choices":[{"message":)") + message + R"(,"finish_reason":"stop"}]})");
        EXPECT_EQ(answer.problem, "");
        EXPECT_EQ(answer.reasoning, "why");
        EXPECT_EQ(answer.content, "so");
        EXPECT_EQ(answer.finish_reason, "stop");
    }
}

// Any server may answer anything: a field of another type is an absent one.
TEST(Answer, SurvivesForeignReplies) {
    for (const char* body :
         {"", "null", "[]", "{}", R"({"choices":[]})", R"({"choices":{}})", R"({"choices":[3]})", "<html>"})
        EXPECT_NE(whole(body).problem, "") << body;
    for (const char* body :
         {R"({"choices":[{}]})", R"({"choices":[{"message":3,"finish_reason":4}],"usage":[]})",
          R"({"choices":[{"message":{"content":null,"tool_calls":[3,{"function":4},{"index":1e9}]}}]})"})
        EXPECT_EQ(whole(body).problem, "") << body;
}

TEST(Answer, ReadsACompletionsStream) {
    Answer answer;
    read_event({.data = R"({"choices":[{"text":"so"}]})"}, 5, answer);
    read_event({.data = R"({"choices":[{"text":"","finish_reason":"length"}]})"}, 6, answer);
    EXPECT_EQ(answer.content, "so");
    EXPECT_EQ(answer.delta_times_ms, std::vector{5.0});
}

TEST(Answer, PutsStreamedCallsTogether) {
    Answer answer;
    for (
        const char* data :
        {R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]})",
         R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]})",
         R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]})",
         R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})", "[DONE]"})
        read_event({data, Clock::now()}, 1.0, answer);
    ASSERT_EQ(answer.tool_calls.size(), 1U);
    EXPECT_EQ(answer.tool_calls[0].name, "f");
    EXPECT_EQ(answer.tool_calls[0].arguments, R"({"a":1})");
    EXPECT_EQ(answer.finish_reason, "tool_calls");
    EXPECT_EQ(answer.prompt_tokens, 7);
    EXPECT_TRUE(answer.done_marker);
}

}  // namespace
}  // namespace gptoss::acceptance
