// A node without a device: the planner's steps pass on a clock that is only a number, one step submitted while
// another is computed, as the engine does it.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "simulation/device.h"
#include "simulation/planner.h"

namespace gptoss::simulation {

// One question of a trace.
struct Ask {
    double at_ms = 0;  // with the engine
    std::vector<TokenId> prompt;
    std::int32_t answer = 256;
    std::int32_t client = 0;
    std::int32_t cached = 0;  // tokens of the prompt that were said before, for planners without a cache
    // Tokens that are sampled before the first one of text: the channel in a message's header, the rest of which is
    // certain. What may follow depends on them, so no step is computed ahead of them.
    std::int32_t header = 1;
    bool counts = true;  // in the figures
    double way_ms = 0;   // until it was with the engine, since the client asked, who counts from there
};

struct Reply {
    Ask ask;
    double first_token_ms = 0;      // after the client asked, the first token of text
    std::vector<double> tokens_ms;  // when each of the text came
    std::vector<double> gaps_ms;    // between them
};

// Says what is asked first, and what when a reply is complete.
struct Trace {
    std::string name;
    std::vector<Ask> first;
    std::function<std::optional<Ask>(const Reply& reply, double now_ms)> next = [](const Reply&, double) {
        return std::nullopt;
    };
    double end_ms = 60'000;   // nothing is asked after this
    double from_ms = 15'000;  // figures count what is asked, and tokens that come, from here on
};

class Node {
  public:
    Node(Planner& planner, const Device& device, double noise = 0.02)
        : planner_(planner), device_(device), noise_(1, noise) {}

    // Runs the trace to its end; replies in the order in which they were complete. `look` sees every plan.
    std::vector<Reply> run(const Trace& trace, const std::function<void(double now_ms)>& look = {}) {
        const auto later = [](const Ask& a, const Ask& b) { return a.at_ms > b.at_ms; };
        std::priority_queue<Ask, std::vector<Ask>, decltype(later)> asks(later);
        for (const Ask& ask : trace.first) asks.push(ask);
        while (!asks.empty() || !lives_.empty()) {
            if (lives_.empty()) now_ms_ = std::max(now_ms_, asks.top().at_ms);
            for (; !asks.empty() && asks.top().at_ms <= now_ms_; asks.pop()) begin(asks.top());
            const auto finished = [&](Reply reply) {
                const double way_ms = turnaround_ms_(random_);
                std::optional<Ask> next = trace.next(reply, now_ms_ + way_ms);
                if (next && next->at_ms <= trace.end_ms) {
                    next->way_ms = way_ms;
                    asks.push(*std::move(next));
                }
                replies_.push_back(std::move(reply));
            };
            if (!in_flight_.empty() && planner_.must_read_first()) collect(finished);
            const bool planned = submit();
            if (look) look(now_ms_);
            if (in_flight_.size() >= 2 || (!planned && !in_flight_.empty())) collect(finished);
        }
        return std::exchange(replies_, {});
    }
    double now_ms() const { return now_ms_; }

  private:
    struct Life {
        Sequence sequence;
        Reply reply;
    };
    struct Step {
        StepShape shape;
        double submitted_ms = 0, end_ms = 0;
        std::vector<std::pair<std::uint64_t, std::uint32_t>> sampled;  // id and epoch
    };

    void begin(const Ask& ask) {
        Life& life = lives_.emplace_back();
        life.reply.ask = ask;
        life.sequence.id = ++last_id_;
        life.sequence.client = std::to_string(ask.client);
        life.sequence.tokens = ask.prompt;
        life.sequence.prompt_count = static_cast<std::int32_t>(ask.prompt.size());
        life.sequence.token_limit = life.sequence.prompt_count + ask.answer;
        life.sequence.runs_ahead = ask.header == 0;
        life.sequence.cached_tokens = ask.cached;
        planner_.enqueue(life.sequence, ask.at_ms);
    }

    bool submit() {
        Step step;
        const std::vector<PlannedRows> rows = planner_.plan(now_ms_, step.shape);
        if (rows.empty()) return false;
        for (const PlannedRows& planned : rows)
            if (planned.samples) step.sampled.emplace_back(planned.sequence->id, planned.sequence->epoch);
        step.submitted_ms = now_ms_;
        device_free_ms_ =
            std::max(device_free_ms_, now_ms_) + device_.step_ms(step.shape) * std::max(noise_(random_), 0.9);
        step.end_ms = device_free_ms_;
        in_flight_.push_back(std::move(step));
        return true;
    }

    void collect(const std::function<void(Reply)>& finished) {
        const Step step = std::move(in_flight_.front());
        in_flight_.pop_front();
        now_ms_ = std::max(now_ms_, step.end_ms);
        planner_.step_took(step.shape, now_ms_ - std::max(step.submitted_ms, last_collected_ms_));
        last_collected_ms_ = now_ms_;
        for (const auto& [id, epoch] : step.sampled) {
            const auto life = std::find_if(lives_.begin(), lives_.end(),
                                           [wanted = id](const Life& l) { return l.sequence.id == wanted; });
            if (life == lives_.end() || life->sequence.epoch != epoch) continue;
            planner_.token_read(life->sequence);
            Reply& reply = life->reply;
            const auto said =
                static_cast<std::int32_t>(life->sequence.tokens.size()) - life->sequence.prompt_count;
            life->sequence.runs_ahead = said >= reply.ask.header;
            if (said > reply.ask.header) {
                if (reply.tokens_ms.empty())
                    reply.first_token_ms = now_ms_ - reply.ask.at_ms + reply.ask.way_ms;
                else
                    reply.gaps_ms.push_back(now_ms_ - reply.tokens_ms.back());
                reply.tokens_ms.push_back(now_ms_);
            }
            if (static_cast<std::int32_t>(life->sequence.tokens.size()) < life->sequence.token_limit)
                continue;
            planner_.remove(life->sequence);
            Reply done = std::move(reply);
            lives_.erase(life);
            finished(std::move(done));
        }
    }

    Planner& planner_;
    Device device_;
    std::mt19937 random_{1};
    std::normal_distribution<double> noise_;
    // From a reply's last token until the client's next prompt is with the engine: the way there and back, and reading it.
    std::uniform_real_distribution<double> turnaround_ms_{2, 12};
    double now_ms_ = 0, device_free_ms_ = 0, last_collected_ms_ = 0;
    std::uint64_t last_id_ = 0;
    std::list<Life> lives_;
    std::deque<Step> in_flight_;
    std::vector<Reply> replies_;
};

}  // namespace gptoss::simulation
