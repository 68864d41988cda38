// Is the context as long as it should be? A server may say so and cut the prompt all the same: the fact to
// find stands near the beginning, and the server's own count of the prompt must agree.
#include <algorithm>
#include <array>

#include "acceptance/check_session.h"
#include "acceptance/text_quality.h"

namespace gptoss::acceptance {
namespace {

constexpr const char* kFact = "The code word for Alice is tiger.";
constexpr const char* kQuestion = "What is the code word for Alice?";

// Sentence `number` of a text about nothing, other words each time.
std::string filler(std::size_t number) {
    constexpr std::array adjectives{"quiet", "old", "small", "bright", "slow", "green", "heavy"};
    constexpr std::array nouns{"farmer", "table", "river",   "window", "doctor", "garden",
                               "letter", "boat",  "teacher", "bridge", "lamp"};
    constexpr std::array verbs{"painted", "saw", "moved", "found", "cleaned"};
    constexpr std::array places{"in the morning", "near the house", "by the lake",
                                "after lunch",    "in the city",    "on Monday"};
    const auto pick = [&](const auto& words, std::size_t step) {
        return std::string(words[(number * step + number / words.size()) % words.size()]);
    };
    return "The " + pick(adjectives, 3) + " " + pick(nouns, 5) + " " + pick(verbs, 2) + " the " +
           pick(nouns, 7) + " " + pick(places, 5) + ".";
}

std::string text_of(std::size_t sentences) {
    std::string text;
    for (std::size_t i = 0; i < sentences; ++i) {
        if (i == sentences / 10) text += std::string(kFact) + " ";
        text += filler(i) + " ";
    }
    return text;
}

// Counted by the server where it offers that; else English has about ten tokens in such a sentence.
double tokens_per_sentence(const Session& session) {
    constexpr std::size_t kSample = 200;
    const PlainReply reply = session.client.post("/tokenize", Json{{"content", text_of(kSample)}}.dump());
    double count = number_at(reply.json, "count");
    if (count == 0 && reply.json.is_object() && reply.json.contains("tokens"))
        count = static_cast<double>(reply.json["tokens"].size());
    return reply.status == 200 && count > 0 ? count / kSample : 10.0;
}

Answer ask_about(Session& session, std::int64_t tokens, int max_tokens) {
    const auto sentences =
        static_cast<std::size_t>(static_cast<double>(tokens) / tokens_per_sentence(session));
    Answer answer = session.client.chat(session.request(text_of(sentences) + "\n\n" + kQuestion, max_tokens));
    session.keep(answer);
    return answer;
}

// Empty when the server counted about as many tokens as it was sent.
std::string shortfall(const Answer& answer, std::int64_t tokens) {
    if (answer.prompt_tokens == 0 || answer.prompt_tokens * 10 >= tokens * 9) return {};
    return "the server counts " + std::to_string(answer.prompt_tokens) + " tokens of a prompt of " +
           std::to_string(tokens);
}

Finding finds_fact(Session& session) {
    constexpr std::int64_t kUsualTokens = 4'000, kRoomForAnswer = 600;
    std::int64_t tokens = session.options.context_tokens;
    if (tokens == 0)
        tokens = session.context_length == 0
                     ? kUsualTokens
                     : std::min(kUsualTokens, session.context_length - kRoomForAnswer);
    const Answer answer = ask_about(session, tokens, 512);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (const std::string less = shortfall(answer, tokens); !less.empty()) return fail(less);
    const std::string detail = std::to_string(answer.prompt_tokens) + " tokens in " +
                               decimal(answer.total_ms / 1e3) + " s: \"" + answer.content.substr(0, 60) +
                               "\"";
    return says_word(answer.content, "tiger") ? pass(detail) : fail(detail + " is not what the text says");
}

// A prompt that leaves room for the answer and the template alone. Whether the fact is found in it is not
// asked: a small model need not find it, but must be given all of it.
Finding full_context(Session& session) {
    const std::int64_t wanted = session.options.context_length;
    if (wanted == 0) return skip("--context says how long it must be");
    if (session.context_length != 0 && session.context_length < wanted)
        return fail("the server has " + std::to_string(session.context_length) + " tokens of context, not " +
                    std::to_string(wanted));
    const std::int64_t tokens = wanted * 97 / 100 - 150;
    const Answer answer = ask_about(session, tokens, 16);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (const std::string less = shortfall(answer, tokens); !less.empty()) return fail(less);
    return pass(std::to_string(answer.prompt_tokens) + " of " + std::to_string(wanted) + " tokens taken in " +
                decimal(answer.total_ms / 1e3) + " s");
}

}  // namespace

void check_context(Session& session) {
    session.run("fact in a long prompt", [&] { return finds_fact(session); });
    session.run("context length", [&] { return full_context(session); });
}

}  // namespace gptoss::acceptance
