// What a load showed: speed, latency, and how much of it was good enough.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "acceptance/load_generator.h"

namespace gptoss::acceptance {

// A reply is good when its first token and, on average, those after it came in time.
struct LoadGoal {
    double first_token_ms = 1000;
    double between_tokens_ms = 100;
};

struct LoadFigures {
    double from_s = 0, to_s = 0;  // what is counted: requests asked and tokens that came in between
    std::int64_t replies = 0, failed = 0, good = 0;
    double tokens_per_second = 0, prompt_tokens_per_second = 0;
    double replies_per_second = 0, good_per_second = 0, good_tokens_per_second = 0;
    double worst_window = 0;  // tokens a second of the worst ten seconds
    double cached_share = 0;  // of prompt tokens
    // The completion tokens of all complete replies by the time from the first request to the last reply.
    double whole_run_tokens_per_second = 0;
    std::vector<double> first_token_ms, between_tokens_ms, reply_ms;  // ascending
    std::string first_problem;
};

// Counts what happened between `from_s`, when the load has become steady, and `to_s`, when the last request was sent.
LoadFigures figures_of(const std::vector<LoadReply>& replies, double from_s, double to_s,
                       const LoadGoal& goal);

double quantile(const std::vector<double>& ascending, double share);

std::string to_text(const LoadFigures& figures, const LoadGoal& goal);  // with histograms
nlohmann::ordered_json to_json(const LoadFigures& figures, const LoadGoal& goal);

}  // namespace gptoss::acceptance
