// What a load generator asks and what it makes of the replies; the generator itself meets a served node in
// e2e/bench_serve.test.mjs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "acceptance/load_figures.h"
#include "acceptance/load_trace.h"
#include "base/error.h"
#include "support/temporary_folder.h"

namespace gptoss::acceptance {
namespace {

TEST(LoadTrace, TextsAreTheirNumbersOwn) {
    const LoadShape shape{.words = 50};
    EXPECT_EQ(shape.request(3, 0).prompt, shape.request(3, 9).prompt);
    EXPECT_NE(shape.request(3, 0).prompt, shape.request(4, 0).prompt);
    EXPECT_NE((LoadShape{.words = 50, .seed = 2}.request(3, 0).prompt), shape.request(3, 0).prompt);
    EXPECT_EQ(std::ranges::count(shape.request(3, 0).prompt, ' '), 49);
}

TEST(LoadTrace, RandomTokensAreTheirNumbersOwn) {
    const LoadShape shape{.tokens = 1000};
    const std::vector<std::int32_t> tokens = shape.request(3, 0).tokens;
    EXPECT_EQ(tokens.size(), 1000U);
    EXPECT_EQ(tokens, shape.request(3, 9).tokens);
    EXPECT_NE(tokens, shape.request(4, 0).tokens);
    const auto [least, most] = std::ranges::minmax(tokens);
    EXPECT_TRUE(least >= 0 && least < 2000 && most > 190'000 && most < 199'998);
    EXPECT_EQ(shape.request(3, 0).prompt, "");
}

TEST(LoadTrace, IndependentUsersComeAtTheirRate) {
    const std::vector<LoadRequest> load = poisson_load({.words = 1}, 20, 100);
    EXPECT_NEAR(static_cast<double>(load.size()), 2000, 200);
    EXPECT_TRUE(std::ranges::is_sorted(load, {}, &LoadRequest::at_s));
}

TEST(LoadTrace, ReadsMooncakesLines) {
    const std::string line =
        R"({"timestamp": 27482, "input_length": 1030, "output_length": 52, "hash_ids": [46, 47, 2353]})";
    const LoadRequest request = load_trace_line(line, 1).value();
    EXPECT_DOUBLE_EQ(request.at_s, 27.482);
    EXPECT_EQ(request.answer, 52);
    const std::string other =
        R"({"timestamp": 1, "input_length": 600, "output_length": 1, "hash_ids": [46, 9]})";
    const std::string shared = load_trace_line(other, 2).value().prompt;
    EXPECT_EQ(request.prompt.substr(0, 2000), shared.substr(0, 2000)) << "equal ids are equal texts";
    EXPECT_NE(request.prompt.substr(0, shared.size()), shared);
    EXPECT_FALSE(load_trace_line("  \r", 1).has_value());
}

TEST(LoadTrace, SaysWhatIsWrongWithALine) {
    for (const char* line : {"{", "[]", "7", R"({"input_length": 1, "output_length": 1})",
                             R"({"timestamp": -5, "input_length": 1, "output_length": 1})",
                             R"({"timestamp": 1, "input_length": 0, "output_length": 1})",
                             R"({"timestamp": 1, "input_length": 1e300, "output_length": 1})",
                             R"({"timestamp": 1, "input_length": "9", "output_length": 1})",
                             R"({"timestamp": 1, "input_length": 9, "output_length": 1, "hash_ids": ["a"]})"})
        EXPECT_THROW(load_trace_line(line, 1), Error) << line;
    const test::TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "trace.jsonl";
    std::ofstream(path) << R"({"timestamp": 1, "input_length": 1, "output_length": 1})"
                        << "\n\nno\n";
    try {
        read_load_trace(path, 1, 100);
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("trace.jsonl, line 3"));
    }
}

TEST(LoadTrace, PlaysFasterInOrderAndFromTheStart) {
    const test::TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "trace.jsonl";
    std::ofstream file(path);
    for (const int ms : {5000, 3000, 9000})
        file << R"({"timestamp": )" << ms << R"(, "input_length": 1, "output_length": 1})"
             << "\n";
    file.close();
    const std::vector<LoadRequest> load = read_load_trace(path, 2, 100);
    ASSERT_EQ(load.size(), 3U);
    EXPECT_DOUBLE_EQ(load[1].at_s, 1);
    EXPECT_DOUBLE_EQ(load[2].at_s, 3);
    EXPECT_EQ(read_load_trace(path, 2, 1).size(), 1U);
}

// Asked at `at_s`, a first token half a second later and then one every 50 ms.
LoadReply reply(double at_s, int tokens) {
    LoadReply reply{.asked_s = at_s,
                    .prompt_tokens = 100,
                    .cached_tokens = 25,
                    .completion_tokens = tokens,
                    .status = 200};
    for (int token = 0; token < tokens; ++token) reply.events_s.push_back(at_s + 0.5 + 0.05 * token);
    reply.end_s = reply.events_s.back();
    return reply;
}

TEST(LoadFigures, CountWhatComesWithinTheTime) {
    std::vector<LoadReply> replies;
    for (int i = 0; i < 40; ++i) replies.push_back(reply(i, 20));
    const LoadFigures figures = figures_of(replies, 10, 30, {.first_token_ms = 600, .between_tokens_ms = 60});
    EXPECT_EQ(figures.replies, 20);
    EXPECT_NEAR(figures.tokens_per_second, 20, 1);
    EXPECT_NEAR(figures.worst_window, 20, 1);
    EXPECT_NEAR(figures.prompt_tokens_per_second, 100, 1e-6);
    EXPECT_NEAR(figures.cached_share, 0.25, 1e-9);
    EXPECT_NEAR(quantile(figures.first_token_ms, 0.5), 500, 1e-6);
    EXPECT_NEAR(quantile(figures.between_tokens_ms, 0.99), 50, 1e-6);
    EXPECT_EQ(figures.good, 20);
    EXPECT_EQ(figures_of(replies, 10, 30, {.first_token_ms = 400}).good, 0);
    EXPECT_EQ(figures_of(replies, 10, 30, {.between_tokens_ms = 40}).good, 0);
}

TEST(LoadFigures, TellOfFailuresAndNotOfTheirTokens) {
    std::vector<LoadReply> replies{reply(1, 10), reply(2, 10)};
    replies[1].problem = "HTTP 429";
    const LoadFigures figures = figures_of(replies, 0, 10, {});
    EXPECT_EQ(figures.replies, 1);
    EXPECT_EQ(figures.failed, 1);
    EXPECT_EQ(figures.first_problem, "HTTP 429");
    EXPECT_NEAR(figures.tokens_per_second, 1, 1e-9);
    EXPECT_THAT(to_text(figures, {}), testing::HasSubstr("1 failed"));
}

// Servers send several tokens at once, and some that no event tells.
TEST(LoadFigures, CountTokensAsTheServerDoes) {
    LoadReply one = reply(1, 10);
    one.completion_tokens = 20;
    EXPECT_NEAR(figures_of({one}, 0, 10, {}).tokens_per_second, 2, 1e-9);
}

TEST(LoadFigures, OfNothingAreNothing) {
    const LoadFigures figures = figures_of({}, 0, 10, {});
    EXPECT_EQ(figures.tokens_per_second, 0);
    EXPECT_EQ(quantile(figures.first_token_ms, 0.5), 0);
    EXPECT_FALSE(to_text(figures, {}).empty());
    EXPECT_EQ(to_json(figures, {})["replies"], 0);
}

}  // namespace
}  // namespace gptoss::acceptance
