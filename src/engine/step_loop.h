// The engine's work, one step at a time and on one thread: asks the scheduler what to compute, hands it to
// the backend, and gives the sampled tokens to those who asked for them.
//
// With an asynchronous backend one step is submitted ahead: while step n is computed, step n + 1 is planned
// and submitted with tokens that never left the device. If a token of step n then turns out to end its
// sequence, or to change what may follow, that sequence's row of step n + 1 is thrown away. Where step n + 1 cannot be
// planned without some tokens of step n, these alone are handed out before it is submitted, the others while it is
// computed. With a synchronous backend there is nothing to overlap, and no row is ever computed in vain.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "engine/rate_meter.h"
#include "engine/request.h"
#include "engine/scheduler.h"
#include "engine/step_costs.h"
#include "engine/step_policy.h"

namespace gptoss::engine {

class StepLoop {
  public:
    StepLoop(std::unique_ptr<backend::Backend> backend, const EngineOptions& options);

    // Before the first add(): measures what steps take (step_calibration.h). Throws what the backend throws.
    void measure_steps();

    void add(std::unique_ptr<Request> request);
    void cancel(RequestId id);
    void finish_all(FinishReason reason, const std::string& error);

    // True while there are requests, or steps whose tokens have not been read.
    bool busy() const { return !requests_.empty() || !in_flight_.empty(); }

    // One step forward. Throws what the backend throws; only finish_all() is allowed after that.
    void step();

    EngineStats stats() const;  // all but the rates
    const RateMeter& prompt_rate() const { return prompt_rate_; }
    const RateMeter& generated_rate() const { return generated_rate_; }
    std::int32_t waiting() const { return scheduler_.waiting(); }
    std::int32_t request_count() const { return static_cast<std::int32_t>(requests_.size()); }
    double mean_request_ms() const { return mean_request_ms_; }
    const backend::BackendInfo& backend_info() const { return backend_->info(); }
    void check_integrity() const { scheduler_.check_integrity(); }

  private:
    struct SampledRow {
        RequestId request = 0;
        std::uint32_t epoch = 0;  // of the sequence when the row was submitted
    };
    struct StepInFlight {
        backend::StepHandle handle = 0;
        std::vector<SampledRow> rows;
        StepShape shape;
        Clock::time_point submitted;
        bool is_over = false;  // it has been waited for
        std::span<const backend::SampledToken> tokens;
    };

    double now_ms() const;
    void submit(const StepPlan& plan);
    void build_batch(const StepPlan& plan);
    void build_samples(const StepPlan& plan, StepInFlight& step);
    void wait_for_oldest();
    void read_first();
    void collect();
    void deliver(Request& request, const backend::SampledToken& token);
    bool hand_out(Request& request, const backend::SampledToken& token);
    bool prepare_next_token(Request& request);
    void report(Request& request, const backend::SampledToken& last);
    void jump_ahead(Request& request);
    void finish(Request& request, FinishReason reason, const std::string& error = {});

    std::unique_ptr<backend::Backend> backend_;
    EngineOptions options_;
    Scheduler scheduler_;
    StepCosts costs_;
    StepPolicy policy_;
    std::unordered_map<RequestId, std::unique_ptr<Request>> requests_;
    std::deque<StepInFlight> in_flight_;  // oldest first, at most two
    Clock::time_point last_collected_;
    const Clock::time_point started_ = Clock::now();  // when times in milliseconds begin

    // The batch being built; kept to keep its memory.
    std::vector<TokenId> batch_tokens_;
    std::vector<backend::Segment> segments_;
    std::vector<std::int32_t> logits_rows_;
    std::vector<backend::SampleRow> samples_;

    EngineStats totals_;
    RateMeter prompt_rate_, generated_rate_;
    double mean_request_ms_ = 1000;
};

}  // namespace gptoss::engine
