// What plans the steps of a simulated node: the engine's own scheduler and policy, or the rules of others.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/scheduler.h"

namespace gptoss::simulation {

using engine::PlannedRows;
using engine::Sequence;
using engine::StepShape;

class Planner {
  public:
    virtual ~Planner() = default;
    virtual void enqueue(Sequence& sequence, double now_ms) = 0;
    // The next step's rows, committed; none when there is nothing to compute now.
    virtual std::vector<PlannedRows> plan(double now_ms, StepShape& shape) = 0;
    // The tokens in flight decide what the next step computes.
    virtual bool must_read_first() const { return false; }
    virtual void step_took(const StepShape& shape, double ms) = 0;
    virtual void token_read(Sequence& sequence) = 0;
    virtual void remove(Sequence& sequence) = 0;
    virtual std::int32_t waiting() const = 0;
};

// The engine's scheduler and policy.
class EnginePlanner final : public Planner {
  public:
    EnginePlanner(const engine::EngineOptions& options, engine::StepCosts costs)
        : scheduler_(options),
          costs_(std::move(costs)),
          policy_(options.scheduling, options.max_batch_tokens) {}

    void enqueue(Sequence& sequence, double now_ms) override {
        sequence.arrived_ms = now_ms;
        scheduler_.enqueue(sequence);
    }
    std::vector<PlannedRows> plan(double, StepShape& shape) override {
        const engine::Scheduler::Demand demand = scheduler_.demand();
        const engine::PromptGrant grant =
            policy_.grant(costs_, demand.decode_rows, demand.decode_context, demand.prompts);
        const engine::StepPlan& plan = scheduler_.plan(grant.rows);
        shape = plan.shape;
        std::vector<PlannedRows> rows = plan.rows;
        scheduler_.commit();
        return rows;
    }
    bool must_read_first() const override { return scheduler_.must_read_first(); }
    void step_took(const StepShape& shape, double ms) override { costs_.record(shape, ms); }
    void token_read(Sequence& sequence) override { scheduler_.token_read(sequence, 7); }
    void remove(Sequence& sequence) override { scheduler_.remove(sequence); }
    std::int32_t waiting() const override { return scheduler_.waiting(); }
    const engine::Scheduler& scheduler() const { return scheduler_; }

  private:
    engine::Scheduler scheduler_;
    engine::StepCosts costs_;
    engine::StepPolicy policy_;
};

// The rules of others, who compute prompts as they came. vLLM: a budget of rows a step, those that generate
// first. SGLang (`prompts_first`): while prompts wait, steps are of prompts alone, and whoever generates waits.
// Cached tokens are told by the trace (Sequence::cached_tokens), since this planner has no cache.
class QueuePlanner final : public Planner {
  public:
    QueuePlanner(std::int32_t rows, std::int32_t max_sequences, bool prompts_first)
        : rows_(rows), max_sequences_(max_sequences), prompts_first_(prompts_first) {}

    void enqueue(Sequence& sequence, double) override {
        sequence.computed = sequence.cached_tokens;
        queue_.push_back(&sequence);
    }
    std::vector<PlannedRows> plan(double, StepShape& shape) override {
        std::vector<PlannedRows> rows;
        shape = {};
        if (!prompts_first_ || !can_admit()) {
            for (Sequence* sequence : running_) {
                if (sequence->token_count() >= sequence->token_limit) continue;
                ++shape.decode_rows;
                shape.decode_context += sequence->computed;
                add(rows, *sequence, 1);
            }
        }
        std::int32_t budget = rows_ - shape.decode_rows;
        while (budget > 0 && can_admit()) {
            Sequence& sequence = *queue_.front();
            const std::int32_t count = std::min(budget, sequence.rows_to_compute());
            shape.prompt_rows += count;
            shape.prompt_context += std::int64_t{count} * (sequence.computed + count / 2);
            add(rows, sequence, count);
            budget -= count;
            if (!rows.back().samples) break;
            running_.push_back(&sequence);
            queue_.pop_front();
        }
        return rows;
    }
    void step_took(const StepShape&, double) override {}
    void token_read(Sequence& sequence) override {
        --sequence.in_flight;
        sequence.tokens.push_back(7);
    }
    void remove(Sequence& sequence) override { std::erase(running_, &sequence); }
    std::int32_t waiting() const override { return static_cast<std::int32_t>(queue_.size()); }

  private:
    bool can_admit() const {
        return !queue_.empty() && static_cast<std::int32_t>(running_.size()) < max_sequences_;
    }
    static void add(std::vector<PlannedRows>& rows, Sequence& sequence, std::int32_t count) {
        rows.push_back(
            {&sequence, sequence.computed, count, sequence.computed + count == sequence.token_count()});
        sequence.computed += count;
        if (rows.back().samples) ++sequence.in_flight;
    }

    std::int32_t rows_, max_sequences_;
    bool prompts_first_;
    std::deque<Sequence*> queue_;
    std::vector<Sequence*> running_;
};

}  // namespace gptoss::simulation
