#include "acceptance/load_figures.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace gptoss::acceptance {
namespace {

constexpr double kWindow_s = 10;

// Columns on a logarithmic scale, four to a doubling from the smallest value to the largest.
std::string histogram(const std::vector<double>& ascending, const char* unit) {
    if (ascending.empty()) return {};
    constexpr int kMostRows = 12, kWidth = 48;
    const double low = std::max(ascending.front(), 1e-3), high = std::max(ascending.back(), low * 1.0001);
    const double step = std::max(std::log(high / low) / kMostRows, std::log(2.0) / 4);
    std::vector<std::size_t> counts(kMostRows + 1, 0);
    for (const double value : ascending) {
        const auto row = static_cast<std::size_t>(std::log(std::max(value, low) / low) / step);
        ++counts[std::min<std::size_t>(row, kMostRows)];
    }
    const std::size_t most = *std::ranges::max_element(counts);
    std::string text;
    for (std::size_t row = 0; row < counts.size(); ++row) {
        const double from = low * std::exp(step * static_cast<double>(row));
        if (from > high) break;
        const std::size_t length = (counts[row] * kWidth + most - 1) / most;
        text += fmt::format("  {:>9.1f} {} |{:<{}}| {}\n", from, unit, std::string(length, '#'), kWidth,
                            counts[row]);
    }
    return text;
}

nlohmann::ordered_json quantiles(const std::vector<double>& ascending) {
    return {{"p50", quantile(ascending, 0.5)},
            {"p90", quantile(ascending, 0.9)},
            {"p95", quantile(ascending, 0.95)},
            {"p99", quantile(ascending, 0.99)},
            {"max", quantile(ascending, 1)}};
}

std::string quantile_row(const char* name, const std::vector<double>& ascending) {
    return fmt::format("{:<16}p50 {:.1f}   p95 {:.1f}   p99 {:.1f}   max {:.1f} ms\n", name,
                       quantile(ascending, 0.5), quantile(ascending, 0.95), quantile(ascending, 0.99),
                       quantile(ascending, 1));
}

}  // namespace

double quantile(const std::vector<double>& ascending, double share) {
    if (ascending.empty()) return 0;
    const auto place = static_cast<std::size_t>(share * static_cast<double>(ascending.size()));
    return ascending[std::min(place, ascending.size() - 1)];
}

LoadFigures figures_of(const std::vector<LoadReply>& replies, double from_s, double to_s,
                       const LoadGoal& goal) {
    LoadFigures figures{.from_s = from_s, .to_s = to_s};
    const double length_s = std::max(to_s - from_s, 1e-9);
    std::vector<double> windows(static_cast<std::size_t>(length_s / kWindow_s), 0);
    std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
    double events = 0, tokens = 0, events_within = 0, end_s = 0, good_tokens = 0;
    for (const LoadReply& reply : replies) {
        const bool counts = reply.asked_s >= from_s && reply.asked_s < to_s;
        if (!reply.problem.empty()) {
            if (figures.first_problem.empty()) figures.first_problem = reply.problem;
            if (counts) ++figures.failed;
            continue;
        }
        completion_tokens += reply.completion_tokens;
        end_s = std::max(end_s, reply.end_s);
        events += static_cast<double>(reply.events_s.size());
        tokens += static_cast<double>(reply.completion_tokens);
        double last_s = 0;
        for (const double at_s : reply.events_s) {
            if (at_s >= from_s && at_s < to_s) {
                ++events_within;
                if (last_s > 0) figures.between_tokens_ms.push_back((at_s - last_s) * 1000);
                const auto window = static_cast<std::size_t>((at_s - from_s) / kWindow_s);
                if (window < windows.size()) ++windows[window];
            }
            last_s = at_s;
        }
        if (!counts) continue;
        ++figures.replies;
        prompt_tokens += reply.prompt_tokens;
        cached_tokens += reply.cached_tokens;
        const double first_ms = reply.first_token_s() * 1000;
        const double steps = std::max(1.0, static_cast<double>(reply.events_s.size()) - 1);
        figures.first_token_ms.push_back(first_ms);
        figures.reply_ms.push_back((reply.end_s - reply.asked_s) * 1000);
        if (first_ms > goal.first_token_ms ||
            (last_s - reply.events_s.front()) * 1000 / steps > goal.between_tokens_ms)
            continue;
        ++figures.good;
        good_tokens += static_cast<double>(reply.completion_tokens);
    }
    // A server may send several tokens in an event, or none that is seen (a channel's name).
    const double tokens_an_event = events > 0 && tokens > 0 ? tokens / events : 1;
    figures.tokens_per_second = events_within * tokens_an_event / length_s;
    if (!windows.empty())
        figures.worst_window = *std::ranges::min_element(windows) * tokens_an_event / kWindow_s;
    figures.prompt_tokens_per_second = static_cast<double>(prompt_tokens) / length_s;
    figures.replies_per_second = static_cast<double>(figures.replies) / length_s;
    figures.good_per_second = static_cast<double>(figures.good) / length_s;
    figures.good_tokens_per_second = good_tokens / length_s;
    figures.cached_share =
        prompt_tokens > 0 ? static_cast<double>(cached_tokens) / static_cast<double>(prompt_tokens) : 0;
    if (end_s > 0) figures.whole_run_tokens_per_second = static_cast<double>(completion_tokens) / end_s;
    for (std::vector<double>* values :
         {&figures.first_token_ms, &figures.between_tokens_ms, &figures.reply_ms})
        std::ranges::sort(*values);
    return figures;
}

std::string to_text(const LoadFigures& figures, const LoadGoal& goal) {
    std::string text = fmt::format(
        "counted from {:.0f} to {:.0f} s: {} replies, {} failed\n"
        "{:<16}{:.0f} tok/s out (worst {:.0f} s: {:.0f}), {:.0f} tok/s in, {:.1f} % of it cached, {:.2f} "
        "replies/s\n"
        "{:<16}{:.0f} tok/s out, to the last reply\n",
        figures.from_s, figures.to_s, figures.replies, figures.failed, "speed", figures.tokens_per_second,
        kWindow_s, figures.worst_window, figures.prompt_tokens_per_second, figures.cached_share * 100,
        figures.replies_per_second, "whole run", figures.whole_run_tokens_per_second);
    text += quantile_row("first token", figures.first_token_ms);
    text += quantile_row("between tokens", figures.between_tokens_ms);
    const double share = figures.replies > 0
                             ? 100 * static_cast<double>(figures.good) / static_cast<double>(figures.replies)
                             : 0;
    text += fmt::format(
        "{:<16}{:.2f} replies/s, {:.0f} tok/s: {:.1f} % had a first token within {:.0f} ms and then {:.0f} "
        "ms a token\n",
        "goodput", figures.good_per_second, figures.good_tokens_per_second, share, goal.first_token_ms,
        goal.between_tokens_ms);
    if (!figures.first_problem.empty()) text += fmt::format("first problem   {}\n", figures.first_problem);
    text += "first token\n" + histogram(figures.first_token_ms, "ms");
    text += "between tokens\n" + histogram(figures.between_tokens_ms, "ms");
    return text;
}

nlohmann::ordered_json to_json(const LoadFigures& figures, const LoadGoal& goal) {
    return {{"from_s", figures.from_s},
            {"to_s", figures.to_s},
            {"replies", figures.replies},
            {"failed", figures.failed},
            {"first_problem", figures.first_problem},
            {"tokens_per_second", figures.tokens_per_second},
            {"worst_window_tokens_per_second", figures.worst_window},
            {"whole_run_tokens_per_second", figures.whole_run_tokens_per_second},
            {"prompt_tokens_per_second", figures.prompt_tokens_per_second},
            {"cached_share", figures.cached_share},
            {"replies_per_second", figures.replies_per_second},
            {"first_token_ms", quantiles(figures.first_token_ms)},
            {"between_tokens_ms", quantiles(figures.between_tokens_ms)},
            {"reply_ms", quantiles(figures.reply_ms)},
            {"goodput",
             {{"first_token_ms", goal.first_token_ms},
              {"between_tokens_ms", goal.between_tokens_ms},
              {"replies", figures.good},
              {"replies_per_second", figures.good_per_second},
              {"tokens_per_second", figures.good_tokens_per_second}}}};
}

}  // namespace gptoss::acceptance
