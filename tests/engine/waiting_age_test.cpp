// The engine's scheduler and policy over a device that was measured, on a clock that is only a number: with any
// arrivals nobody waits longer than is stated, and the load of before leaves no trace.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "simulation/node.h"
#include "simulation/planner.h"
#include "simulation/traces.h"
#include "support/rounds.h"

namespace gptoss::engine {
namespace {

using simulation::Ask;
using simulation::EnginePlanner;
using simulation::Node;
using simulation::Reply;
using simulation::Trace;

constexpr std::int32_t kRows = 2048;

EngineOptions options_for(Scheduling scheduling) {
    return {.context_length = 131'072,
            .max_sequences = 256,
            .max_batch_tokens = kRows,
            .full_blocks = 2'000'000 / model::kBlockTokens,
            .sliding_blocks = 2'300,
            .scheduling = scheduling};
}

// Anything: lengths over four orders of magnitude, bursts and pauses, some of it from one client.
Trace any_arrivals(unsigned seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::int32_t n) {
        return static_cast<std::int32_t>(random() % static_cast<unsigned>(n));
    };
    Trace trace;
    double at_ms = 0;
    for (std::int32_t i = 0, count = 20 + below(150); i < count; ++i) {
        if (below(3) == 0) at_ms += below(below(4) == 0 ? 5'000 : 300);
        const std::int32_t length = 1 + below(1 << (4 + below(12)));
        trace.first.push_back({at_ms, simulation::text(seed * 1000ULL + static_cast<unsigned>(i), length),
                               1 + below(300), below(5)});
    }
    return trace;
}

class Ages : public testing::TestWithParam<Scheduling> {};
INSTANTIATE_TEST_SUITE_P(Policies, Ages,
                         testing::Values(Scheduling::latency, Scheduling::balanced, Scheduling::throughput));

// The bound: twice what all prompts that came before it, and its own, take at the least speed prompts are given,
// and a second. (Half of the rows go to the one that came first; the pool has room for all.)
TEST_P(Ages, NoFirstTokenComesLaterThanStated) {
    const double least_share = GetParam() == Scheduling::latency    ? 0.2
                               : GetParam() == Scheduling::balanced ? 0.5
                                                                    : 0.75;
    const simulation::Device device = simulation::h200();
    const double alone_row_ms = device.step_ms({.prompt_rows = kRows}) / kRows;
    for (unsigned seed = 0; seed < test::rounds(30); ++seed) {
        SCOPED_TRACE(seed);
        EnginePlanner planner(options_for(GetParam()), simulation::measured_costs(device, kRows));
        std::vector<Reply> replies = Node(planner, device).run(any_arrivals(seed));
        std::ranges::stable_sort(replies, {}, [](const Reply& reply) { return reply.ask.at_ms; });
        double free_ms = 0;  // when a device that computes them in their order at that speed would be free
        for (const Reply& reply : replies) {
            const auto rows = static_cast<double>(reply.ask.prompt.size());
            // Rows that look far back take longer, a row at least as long as the step that holds it alone.
            const double work_ms =
                rows * alone_row_ms + rows * rows / 2 * device.prompt_token_ms.front().second + 25;
            free_ms = std::max(free_ms, reply.ask.at_ms) + 2 * work_ms / least_share;
            ASSERT_LE(reply.ask.at_ms + reply.first_token_ms, free_ms + 1'000)
                << rows << " tokens, asked at " << reply.ask.at_ms;
        }
    }
}

double tokens_per_second(const std::vector<Reply>& replies, double from_ms, double to_ms) {
    double tokens = 0;
    for (const Reply& reply : replies)
        tokens += static_cast<double>(std::ranges::count_if(
            reply.tokens_ms, [&](double at_ms) { return at_ms >= from_ms && at_ms < to_ms; }));
    return tokens / (to_ms - from_ms) * 1000;
}

// 64 clients, then 16, 8 and 256 in any order, then 64 again.
TEST_P(Ages, TheLoadOfBeforeLeavesNoTrace) {
    const simulation::Device device = simulation::h200();
    EnginePlanner fresh(options_for(GetParam()), simulation::measured_costs(device, kRows));
    const double alone =
        tokens_per_second(Node(fresh, device).run(simulation::closed_loop(64, 40'000)), 15'000, 40'000);
    for (unsigned seed = 0; seed < test::rounds(2); ++seed) {
        std::vector<std::int32_t> crowds{16, 8, 256};
        std::shuffle(crowds.begin(), crowds.end(), std::mt19937(seed));
        EnginePlanner used(options_for(GetParam()), simulation::measured_costs(device, kRows));
        Node node(used, device);
        double begin_ms = 0;
        crowds.push_back(64);
        std::vector<Reply> replies;
        for (const std::int32_t clients : crowds) {
            Trace trace = simulation::closed_loop(clients, begin_ms + 40'000, begin_ms);
            replies = node.run(trace);
            if (clients != 64) begin_ms = node.now_ms();
        }
        const double again = tokens_per_second(replies, begin_ms + 15'000, begin_ms + 40'000);
        EXPECT_GE(again, 0.95 * alone);
    }
}

}  // namespace
}  // namespace gptoss::engine
