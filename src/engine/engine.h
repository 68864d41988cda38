// Who is computed when: sequences, scheduler, KV blocks, prefix cache. One engine owns one backend and one
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/token_constraint.h"
#include "base/types.h"
#include "engine/step_policy.h"

namespace gptoss::engine {

enum class FinishReason { stop, length, cancelled, error };

struct Usage {
    std::int32_t prompt_tokens = 0;
    std::int32_t cached_tokens = 0;  // prompt tokens that were not computed again
    std::int32_t completion_tokens = 0;
    double queue_ms = 0;       // waiting for a slot
    double prompt_ms = 0;      // from the first chunk to the first token
    double generation_ms = 0;  // from the first token to the last
};

// Called on the engine's thread, in order, exactly one finish last. Must not block.
class GenerationSink {
  public:
    virtual ~GenerationSink() = default;
    // Its prompt is being computed: so many of its tokens are there before the step that begins now, those out of
    // the cache included. At most once a step, and not after the first token. Must not throw.
    virtual void on_prompt(std::int32_t /*read*/) {}
    virtual void on_token(const backend::SampledToken& token) = 0;
    virtual void on_finish(FinishReason reason, const Usage& usage, const std::string& error) = 0;
};

struct GenerationRequest {
    std::vector<TokenId> prompt;
    backend::SamplingParameters sampling = {};
    std::vector<backend::TokenBias> biases = {};
    std::vector<TokenId> stop_tokens = {};             // reported to the sink, then finish(stop)
    std::int32_t max_tokens = 0;                       // 0 = up to the context length
    std::int32_t priority = 0;                         // larger goes first
    std::shared_ptr<TokenConstraint> constraint = {};  // may be null
    std::string client = {};                           // fairness: clients take turns
    bool fingerprint = false;  // some tokens come with values of the hidden state (fingerprint.h)
};

using RequestId = std::uint64_t;

struct EngineOptions {
    std::int32_t context_length = 0;
    std::int32_t max_sequences = 0;
    std::int32_t max_batch_tokens = 2048;
    std::int32_t full_blocks = 0;  // sizes of the two pools, from the memory plan
    std::int32_t sliding_blocks = 0;
    std::int32_t sliding_window = 128;
    std::int32_t queue_limit = 1024;  // waiting requests; one more is refused
    bool prefix_cache = true;
    // Takes the only token that a constraint allows without sampling it. What is said is the same without.
    bool jump_ahead = true;
    std::int32_t vocabulary = 0;  // prompt tokens from here on are refused; 0 = not checked
    Scheduling scheduling = Scheduling::balanced;
    // How long the engine may measure its steps before the first request (step_calibration.h). 0: not at all,
    // it then learns from the requests.
    std::int32_t measure_steps_ms = 0;
};

struct EngineStats {
    std::int32_t running = 0;
    std::int32_t waiting = 0;
    std::int64_t full_blocks_used = 0, full_blocks_total = 0;  // used = held by running sequences
    std::int64_t full_blocks_cached = 0;                       // held by the prefix cache alone
    std::int64_t sliding_blocks_used = 0, sliding_blocks_total = 0;
    std::int64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;  // since start
    std::int64_t forced_tokens = 0;  // of the generated ones: those that took no step of their own
    std::int64_t steps = 0, preemptions = 0;
    std::int64_t prompt_rows = 0;  // rows of prompts computed: prompt_tokens less those from the cache
    // Steps with rows of prompts since start, by what ended those rows (StepLimit), and how long the latest of
    // them was allowed to take; 0 = nobody generated.
    std::array<std::int64_t, kStepLimitNames.size()> steps_by_limit{};
    double step_bound_ms = 0;
    double oldest_wait_ms = 0;  // of those that wait to be admitted
    double prompt_tokens_per_second = 0, generated_tokens_per_second = 0;  // over the last seconds
};

class Engine {
  public:
    // Throws Error(setting_invalid) for options that leave no room for a single sequence.
    Engine(std::unique_ptr<backend::Backend> backend, EngineOptions options);
    ~Engine();  // cancels what runs, joins the thread

    // Throws Error(request_invalid) for an empty prompt or a token that does not exist,
    // Error(context_exceeded) with the facts prompt_tokens and context_length, Error(queue_full) with the
    // fact retry_after_s, Error(shutting_down), Error(device_failed) when the backend has failed. Any thread.
    RequestId submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink);

    // The sink gets finish(cancelled) within a step; nothing when the request is already over. Any thread,
    // also from within a sink.
    void cancel(RequestId id);

    // Refuses new requests; returns when the running ones are done or `deadline_ms` has passed (they are then
    // cancelled). True when everything finished by itself.
    bool drain(std::int32_t deadline_ms);

    // Why the engine takes no more work: the backend's error. Empty = healthy.
    std::string failure() const;

    // How long the step under way has taken; 0 between steps. A device that hangs shows here. Any thread.
    double step_age_ms() const;

    EngineStats stats() const;
    const backend::BackendInfo& backend_info() const;
    const EngineOptions& options() const;  // context_length is what the blocks really allow

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::engine
