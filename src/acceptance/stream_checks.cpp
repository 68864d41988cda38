// Streams: every piece arrives, one after the other, soon and fast enough.
#include <algorithm>

#include "acceptance/check_session.h"

namespace gptoss::acceptance {
namespace {

constexpr const char* kCount = "Count to 5";
constexpr const char* kPoem = "Write a short poem about computers.";

bool counts_to_five(const std::string& text) {
    std::size_t at = 0;
    for (const char digit : {'1', '2', '3', '4', '5'}) {
        at = text.find(digit, at);
        if (at == std::string::npos) return false;
        ++at;
    }
    return true;
}

// Pieces that a proxy held back come in one burst: then hardly any of the answer's time lies between the
// first and the last. Of an answer that is over in a moment that says nothing: a busy machine may not have let
// this program read in between.
Finding spread_in_time(const Answer& answer) {
    const std::vector<double>& times = answer.delta_times_ms;
    constexpr std::size_t kFewest = 4;
    constexpr double kTooQuick_ms = 100;
    constexpr double kLeastShare = 0.1;  // thinking and writing take longer than reading a short prompt
    if (times.size() < kFewest) return fail("only " + std::to_string(times.size()) + " pieces with text");
    const double spread_ms = times.back() - times.front();
    const std::string detail = std::to_string(times.size()) + " pieces over " + decimal(spread_ms) + " of " +
                               decimal(answer.total_ms) + " ms";
    if (spread_ms >= kLeastShare * answer.total_ms) return pass(detail);
    if (answer.total_ms < kTooQuick_ms)
        return pass(detail + ": too quick to tell whether they were held back");
    return fail(detail + ": all at once");
}

Finding streaming(Session& session) {
    const Answer& answer = session.stream(kCount);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (answer.finish_reason.empty()) return fail("the stream ends without a finish_reason");
    if (!answer.done_marker) return fail("the stream ends without [DONE]");
    if (!counts_to_five(answer.content))
        return fail("\"" + answer.content.substr(0, 80) + "\" does not count to 5");
    return spread_in_time(answer);
}

Finding first_token(Session& session) {
    const Answer& answer = session.stream(kCount);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (answer.delta_times_ms.empty()) return fail("nothing came");
    const double time_ms = answer.delta_times_ms.front();
    const std::string detail =
        decimal(time_ms) + " ms, at most " + decimal(session.options.first_token_ms_max);
    return time_ms <= session.options.first_token_ms_max ? pass(detail) : fail(detail);
}

Finding speed(Session& session) {
    const Answer& answer = session.stream(kPoem);
    if (!answer.problem.empty()) return fail(answer.problem);
    const std::vector<double>& times = answer.delta_times_ms;
    const auto tokens =
        std::max<std::int64_t>(answer.completion_tokens, static_cast<std::int64_t>(times.size()));
    if (times.empty()) return fail("nothing came");
    // Where all came at once, "streaming" complains; the whole time still shows how fast it was made.
    const double spread_ms = times.back() - times.front();
    constexpr double kOneBurst_ms = 5;
    const double time_ms = spread_ms > kOneBurst_ms ? spread_ms : answer.total_ms;
    const double rate = static_cast<double>(tokens - 1) * 1e3 / time_ms;
    std::string detail = decimal(rate) + " tok/s, at least " + decimal(session.options.tokens_per_second_min);
    if (session.options.planned_tokens_per_second > 0)
        detail += ", planned " + decimal(session.options.planned_tokens_per_second);
    return rate >= session.options.tokens_per_second_min ? pass(detail) : fail(detail);
}

}  // namespace

void check_streams(Session& session) {
    session.run("streaming", [&] { return streaming(session); });
    session.run("time to first token", [&] { return first_token(session); });
    session.run("tokens per second", [&] { return speed(session); });
}

}  // namespace gptoss::acceptance
