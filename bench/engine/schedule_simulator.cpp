// The engine's own scheduler on a clock that is only a number, over devices that were measured, beside the
// rules of vLLM (a budget of rows a step, those that generate first) and SGLang (prompts first, in chunks).
//
//   schedule_simulator            all traces on an H200
//   schedule_simulator h100 64    traces whose name holds "64", on an H100
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simulation/device.h"
#include "simulation/node.h"
#include "simulation/planner.h"
#include "simulation/traces.h"

namespace {

using namespace gptoss;
using namespace gptoss::simulation;

double quantile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

struct Figures {
    double tokens = 0, seconds = 0, worst_window = 1e9;
    std::vector<double> first_ms, gaps_ms;
};

void add(Figures& figures, const Trace& trace, const std::vector<Reply>& replies) {
    constexpr double kWindow = 10'000;
    double end_ms = trace.end_ms;
    if (end_ms <= trace.from_ms)  // to the last reply
        for (const Reply& reply : replies) end_ms = std::max(end_ms, reply.tokens_ms.back() + 1);
    std::vector<double> windows(static_cast<std::size_t>((end_ms - trace.from_ms) / kWindow), 0);
    for (const Reply& reply : replies) {
        if (reply.ask.counts && reply.ask.at_ms >= trace.from_ms)
            figures.first_ms.push_back(reply.first_token_ms);
        for (std::size_t i = 0; i < reply.tokens_ms.size(); ++i) {
            const double at_ms = reply.tokens_ms[i];
            if (at_ms < trace.from_ms || at_ms >= end_ms) continue;
            ++figures.tokens;
            if (i > 0) figures.gaps_ms.push_back(reply.gaps_ms[i - 1]);
            const auto window = static_cast<std::size_t>((at_ms - trace.from_ms) / kWindow);
            if (window < windows.size()) ++windows[window];
        }
    }
    figures.seconds += (end_ms - trace.from_ms) / 1000;
    for (const double window : windows) figures.worst_window = std::min(figures.worst_window, window / 10);
}

constexpr std::int32_t kMostSequences = 512;

engine::EngineOptions options_for(std::int32_t batch, engine::Scheduling scheduling) {
    engine::EngineOptions options;
    options.context_length = 131'072;
    options.max_sequences = kMostSequences;
    options.max_batch_tokens = batch;
    options.full_blocks = 2'000'000 / model::kBlockTokens;
    options.sliding_blocks = 3 * kMostSequences + batch / model::kBlockTokens + 1'500;
    options.scheduling = scheduling;
    return options;
}

struct Rule {
    std::string name;
    std::function<std::unique_ptr<Planner>(const Device&)> make;
};

std::vector<Rule> rules() {
    const auto ours = [](engine::Scheduling scheduling, std::int32_t rows = 2048) {
        return [scheduling, rows](const Device& device) {
            return std::make_unique<EnginePlanner>(options_for(rows, scheduling),
                                                   measured_costs(device, rows));
        };
    };
    const auto theirs = [](std::int32_t rows, bool prompts_first) {
        return [rows, prompts_first](const Device&) {
            return std::make_unique<QueuePlanner>(rows, kMostSequences, prompts_first);
        };
    };
    return {{"latency", ours(engine::Scheduling::latency)},
            {"balanced", ours(engine::Scheduling::balanced)},
            {"throughput", ours(engine::Scheduling::throughput)},
            {"throughput, 8,192 rows", ours(engine::Scheduling::throughput, 8192)},
            {"vLLM, 2,048 rows", theirs(2048, false)},
            {"vLLM, 8,192 rows", theirs(8192, false)},
            {"SGLang, chunks of 8,192", theirs(8192, true)}};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string device_name = argc > 1 ? argv[1] : "h200", wanted = argc > 2 ? argv[2] : "";
    const Device device = device_name == "h100"          ? h100()
                          : device_name == "cpu"         ? two_cores()
                          : device_name == "h200-random" ? h200_random_tokens()
                                                         : h200();
    const std::vector<Trace> traces = {closed_loop(8),
                                       closed_loop(16),
                                       closed_loop(64),
                                       closed_loop(256),
                                       poisson(4),
                                       poisson(8),
                                       poisson(10),
                                       bursts(),
                                       tide(),
                                       long_prompt(0),
                                       long_prompt(8),
                                       long_prompt(64),
                                       agents(8),
                                       agents(8, 43'000, 750, 64),
                                       agents(24),
                                       wave(512, 1024, 1024),
                                       wave(64, 8192, 1024)};
    std::printf(
        "%s\n\n| trace | rule | tok/s | worst 10 s | first token p50 / p95 / max | between tokens p50 / p99 "
        "/ max |\n"
        "|---|---|---|---|---|---|\n",
        device.name.c_str());
    for (const Trace& trace : traces) {
        if (trace.name.find(wanted) == std::string::npos) continue;
        for (const Rule& rule : rules()) {
            // Clients that ask at once fall into step, in a way that depends on how they began: eight times.
            const int beginnings = trace.name.starts_with("closed loop") ? 8 : 1;
            Figures figures;
            for (int beginning = 0; beginning < beginnings; ++beginning) {
                Trace begun = trace;
                for (Ask& ask : begun.first)
                    ask.at_ms += 0.7 * beginning * ask.client / static_cast<double>(trace.first.size());
                const std::unique_ptr<Planner> planner = rule.make(device);
                add(figures, begun, Node(*planner, device).run(begun));
            }
            std::printf("| %s | %s | %.0f | %.0f | %.2f / %.2f / %.2f s | %.0f / %.0f / %.0f ms |\n",
                        trace.name.c_str(), rule.name.c_str(), figures.tokens / figures.seconds,
                        figures.worst_window, quantile(figures.first_ms, 0.5) / 1000,
                        quantile(figures.first_ms, 0.95) / 1000, quantile(figures.first_ms, 1) / 1000,
                        quantile(figures.gaps_ms, 0.5), quantile(figures.gaps_ms, 0.99),
                        quantile(figures.gaps_ms, 1));
            std::fflush(stdout);
        }
    }
    return 0;
}
