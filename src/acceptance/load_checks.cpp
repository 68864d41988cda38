// Several requests at once, and one that nobody waits for any more.
#include <algorithm>
#include <future>
#include <thread>

#include "acceptance/check_session.h"
#include "acceptance/load_reading.h"
#include "acceptance/text_quality.h"

namespace gptoss::acceptance {
namespace {

using namespace std::chrono_literals;

struct Burst {
    std::vector<Answer> answers;
    double time_ms = 0;
    double vram_most_bytes = 0;
};

// The same sum with different numbers, so that no answer can be another's.
Burst put_load(Session& session) {
    Burst load;
    const auto start = Clock::now();
    std::vector<std::future<Answer>> asked;
    for (int i = 0; i < session.options.concurrency; ++i) {
        const std::string question = "What is 2+" + std::to_string(1 + i % 7) + "?";
        asked.push_back(std::async(std::launch::async, [&session, request = session.request(question, 512)] {
            return session.client.chat(request);
        }));
    }
    const auto all_over = [&] {
        return std::all_of(asked.begin(), asked.end(),
                           [](const auto& each) { return each.wait_for(0s) == std::future_status::ready; });
    };
    bool watches = true;
    while (!all_over()) {
        if (watches) {
            const auto status = session.status();
            watches = status && status->contains("gpu");
            if (watches)
                load.vram_most_bytes =
                    std::max(load.vram_most_bytes, number_at((*status)["gpu"], "memory_used_bytes"));
        }
        std::this_thread::sleep_for(20ms);
    }
    load.time_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    for (auto& each : asked) load.answers.push_back(each.get());
    return load;
}

Finding all_right(Session& session, const Burst& load) {
    double tokens = 0;
    for (std::size_t i = 0; i < load.answers.size(); ++i) {
        const Answer& answer = load.answers[i];
        session.keep(answer);
        const std::string place =
            "request " + std::to_string(i + 1) + " of " + std::to_string(load.answers.size()) + ": ";
        if (!answer.problem.empty()) return fail(place + answer.problem);
        if (!says_word(answer.content, std::to_string(3 + i % 7)))
            return fail(place + "\"" + answer.content.substr(0, 80) + "\" to 2+" + std::to_string(1 + i % 7));
        tokens += static_cast<double>(answer.completion_tokens);
    }
    return pass(std::to_string(load.answers.size()) + " at once, " + decimal(tokens * 1e3 / load.time_ms) +
                " tok/s together");
}

struct Counts {
    double running = 0, cancelled = 0;
};

// Ours and two other servers' names; only ours counts what was cancelled.
std::optional<Counts> counts(const Session& session) {
    const PlainReply reply = session.client.get("/metrics");
    if (reply.status != 200) return std::nullopt;
    const Series series = read_metrics(reply.body);
    const auto cancelled = series.find("gptoss_generations_total{reason=\"cancelled\"}");
    for (const char* name :
         {"gptoss_sequences_running", "vllm:num_requests_running", "llamacpp:requests_processing"})
        if (const auto running = series.find(name); running != series.end())
            return Counts{running->second, cancelled == series.end() ? 0 : cancelled->second};
    return std::nullopt;
}

// Leaves a long stream at its first piece. The node must stop computing it: its count of cancelled
// generations rises and that of running ones drops, long before the answer would have been complete.
Finding cancels(Session& session) {
    const auto before = counts(session);
    if (!before) return skip("no count of running requests offered by this server");
    const bool is_ours = session.status().has_value();
    Json request = session.request("Write a long poem about computers.", 4096);
    request["temperature"] = 1;
    if (is_ours) request["n"] = 8;  // so that it takes a while whatever the model says
    const Answer answer =
        session.client.stream(request, [](const Answer& so_far) { return so_far.delta_times_ms.empty(); });
    if (!answer.problem.empty()) return fail(answer.problem);
    constexpr auto kPatience = 5s;
    const auto left = Clock::now();
    Counts now;
    while (Clock::now() - left < kPatience) {
        now = counts(session).value_or(Counts{1e9, 0});
        if (now.running <= before->running && (!is_ours || now.cancelled > before->cancelled)) {
            const std::chrono::duration<double, std::milli> took = Clock::now() - left;
            return pass("stopped within " + decimal(took.count()) + " ms");
        }
        std::this_thread::sleep_for(20ms);
    }
    return fail("5 s after its client left, " + decimal(now.running) + " requests run (" +
                decimal(before->running) + " before) and " + decimal(now.cancelled - before->cancelled) +
                " were cancelled");
}

}  // namespace

void check_load(Session& session) {
    std::optional<Burst> load;
    session.run("concurrency", [&] {
        load = put_load(session);
        return all_right(session, *load);
    });
    session.run("VRAM under load", [&] {
        if (!load) load = put_load(session);
        return judge_vram(session, load->vram_most_bytes);
    });
    session.run("cancellation", [&] { return cancels(session); });
}

}  // namespace gptoss::acceptance
