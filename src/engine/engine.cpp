#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "engine/step_loop.h"

namespace gptoss::engine {

using model::kBlockTokens;

namespace {

// Publishing the numbers after each step costs a lock; idle readers do not need them fresher than this.
constexpr auto kStatsInterval = std::chrono::milliseconds(20);

EngineOptions checked(EngineOptions options) {
    auto refuse = [](const char* what) {
        throw Error(ErrorCode::setting_invalid, what, "give the plan more memory, or ask for less at a time");
    };
    if (options.max_sequences < 1) refuse("the engine needs room for at least one sequence");
    if (options.max_batch_tokens < options.max_sequences)
        refuse("a step must hold at least one token of every sequence (max_batch_tokens >= max_sequences)");
    if (options.full_blocks < 1) refuse("the KV cache has no blocks");
    if (options.sliding_window < 1 || options.sliding_blocks < most_window_blocks(options.sliding_window))
        refuse("the KV cache of the sliding layers is smaller than a window");
    options.context_length = std::min(options.context_length, options.full_blocks * kBlockTokens);
    if (options.context_length < 2) refuse("the context is too short for a prompt and an answer");
    return options;
}

}  // namespace

// What callers' threads and the engine's thread share is guarded by `mutex`; the loop is the engine thread's
// own.
struct Engine::State {
    State(std::unique_ptr<backend::Backend> backend, const EngineOptions& given)
        : options(checked(given)), info(backend->info()), loop(std::move(backend), options) {
        published = loop.stats();
        thread = std::thread([this] { run(); });
        std::unique_lock lock(mutex);
        idle.wait(lock, [this] { return measured; });
    }

    void run();
    void measure();
    void publish();

    const EngineOptions options;
    const backend::BackendInfo info;

    mutable std::mutex mutex;
    std::condition_variable work;  // something arrived
    std::condition_variable idle;  // the last request is over
    std::vector<std::unique_ptr<Request>> arrivals;
    std::vector<RequestId> cancellations;
    bool measured = false;  // the engine's thread knows what steps take
    bool cancel_everything = false;
    bool draining = false;
    bool stopping = false;
    std::string failure;
    RequestId last_id = 0;
    std::int32_t unfinished = 0;  // requests whose sink has not heard of the end
    std::int32_t waiting = 0;     // of them, those not admitted
    double mean_request_ms = 0;
    EngineStats published;
    RateMeter prompt_rate, generated_rate;  // copies, so that rates fall while the engine's thread sleeps

    // When the step under way began, by the steady clock; 0 = none is.
    std::atomic<std::int64_t> step_began_ns = 0;

    StepLoop loop;
    Clock::time_point last_published;
    std::thread thread;
};

// On the engine's thread, as everything the backend is asked.
void Engine::State::measure() {
    std::string problem;
    try {
        loop.measure_steps();
    } catch (const std::exception& error) {
        problem = error.what();
    }
    std::lock_guard lock(mutex);
    failure = problem;
    measured = true;
    idle.notify_all();
}

void Engine::State::run() {
    measure();
    for (;;) {
        std::vector<std::unique_ptr<Request>> arrived;
        std::vector<RequestId> cancelled;
        bool cancel_all = false;
        std::string failed;
        {
            std::unique_lock lock(mutex);
            const auto has_mail = [this] {
                return stopping || cancel_everything || !arrivals.empty() || !cancellations.empty();
            };
            if (!loop.busy()) work.wait(lock, has_mail);
            arrived = std::exchange(arrivals, {});
            cancelled = std::exchange(cancellations, {});
            cancel_all = std::exchange(cancel_everything, false) || stopping;
            failed = failure;
            if (stopping && arrived.empty() && !loop.busy()) return;
        }
        try {
            for (std::unique_ptr<Request>& request : arrived) loop.add(std::move(request));
            for (RequestId id : cancelled) loop.cancel(id);
            if (cancel_all) loop.finish_all(FinishReason::cancelled, {});
            if (!failed.empty()) loop.finish_all(FinishReason::error, failed);
            step_began_ns = Clock::now().time_since_epoch().count();
            if (loop.busy()) loop.step();
        } catch (const std::exception& error) {
            {
                std::lock_guard lock(mutex);
                failure = error.what();
                failed = failure;
            }
            loop.finish_all(FinishReason::error, failed);
        }
        step_began_ns = 0;
        if (!loop.busy()) loop.check_integrity();
        publish();
    }
}

void Engine::State::publish() {
    const Clock::time_point now = Clock::now();
    std::lock_guard lock(mutex);
    waiting = loop.waiting() + static_cast<std::int32_t>(arrivals.size());
    unfinished = loop.request_count() + static_cast<std::int32_t>(arrivals.size());
    mean_request_ms = loop.mean_request_ms();
    if (unfinished == 0) idle.notify_all();
    if (unfinished > 0 && now - last_published < kStatsInterval) return;
    last_published = now;
    published = loop.stats();
    prompt_rate = loop.prompt_rate();
    generated_rate = loop.generated_rate();
}

Engine::Engine(std::unique_ptr<backend::Backend> backend, EngineOptions options)
    : state_(std::make_unique<State>(std::move(backend), options)) {}

Engine::~Engine() {
    {
        std::lock_guard lock(state_->mutex);
        state_->draining = state_->stopping = true;
    }
    state_->work.notify_all();
    state_->thread.join();
}

RequestId Engine::submit(GenerationRequest request, std::shared_ptr<GenerationSink> sink) {
    State& state = *state_;
    const auto prompt_count = static_cast<std::int32_t>(request.prompt.size());
    const std::int32_t context = state.options.context_length;
    if (prompt_count == 0) throw Error(ErrorCode::request_invalid, "the prompt has no tokens");
    for (TokenId token : request.prompt)
        if (token < 0 || (state.options.vocabulary > 0 && token >= state.options.vocabulary))
            throw Error(ErrorCode::request_invalid, "the prompt holds token " + std::to_string(token) +
                                                        ", which the model does not have");
    if (prompt_count >= context)
        throw Error(
            ErrorCode::context_exceeded,
            "the prompt has " + std::to_string(prompt_count) + " tokens, the context " +
                std::to_string(context) + ", of which one at least is for the answer",
            "shorten the prompt or serve a longer context",
            {{"prompt_tokens", std::to_string(prompt_count)}, {"context_length", std::to_string(context)}});

    auto made = std::make_unique<Request>();
    made->client = std::move(request.client);
    made->priority = request.priority;
    made->tokens = std::move(request.prompt);
    made->prompt_count = prompt_count;
    const std::int32_t room = context - prompt_count;
    made->token_limit = prompt_count + (request.max_tokens > 0 ? std::min(request.max_tokens, room) : room);
    made->sampling = request.sampling;
    made->biases = std::move(request.biases);
    made->stop_tokens = std::move(request.stop_tokens);
    made->constraint = std::move(request.constraint);
    made->sink = std::move(sink);
    made->fingerprint = request.fingerprint;
    made->submitted = Clock::now();

    std::lock_guard lock(state.mutex);
    if (!state.failure.empty())
        throw Error(ErrorCode::device_failed, "the engine has stopped: " + state.failure, "restart the node");
    if (state.draining)
        throw Error(ErrorCode::shutting_down, "the node is shutting down and takes no new requests");
    if (state.waiting >= state.options.queue_limit) {
        const double wait_s = state.mean_request_ms / 1000 * state.waiting / state.options.max_sequences;
        const auto retry_after_s = std::clamp(static_cast<std::int32_t>(wait_s), 1, 60);
        throw Error(ErrorCode::queue_full,
                    std::to_string(state.waiting) + " requests are waiting, no more are taken in",
                    "try again in " + std::to_string(retry_after_s) + " s",
                    {{"retry_after_s", std::to_string(retry_after_s)},
                     {"queue_limit", std::to_string(state.options.queue_limit)}});
    }
    const RequestId id = made->id = ++state.last_id;
    ++state.waiting;
    ++state.unfinished;
    state.arrivals.push_back(std::move(made));
    state.work.notify_one();
    return id;
}

void Engine::cancel(RequestId id) {
    std::lock_guard lock(state_->mutex);
    state_->cancellations.push_back(id);
    state_->work.notify_one();
}

bool Engine::drain(std::int32_t deadline_ms) {
    State& state = *state_;
    std::unique_lock lock(state.mutex);
    state.draining = true;
    const auto over = [&] { return state.unfinished == 0; };
    if (state.idle.wait_for(lock, std::chrono::milliseconds(deadline_ms), over)) return true;
    state.cancel_everything = true;
    state.work.notify_one();
    state.idle.wait(lock, over);
    return false;
}

std::string Engine::failure() const {
    std::lock_guard lock(state_->mutex);
    return state_->failure;
}

double Engine::step_age_ms() const {
    static_assert(std::is_same_v<Clock::period, std::nano>, "the beginning is kept in the clock's ticks");
    const std::int64_t began_ns = state_->step_began_ns;
    if (began_ns == 0) return 0;
    return static_cast<double>(Clock::now().time_since_epoch().count() - began_ns) / 1e6;
}

EngineStats Engine::stats() const {
    std::lock_guard lock(state_->mutex);
    EngineStats stats = state_->published;
    stats.waiting = state_->waiting;
    stats.prompt_tokens_per_second = state_->prompt_rate.per_second(Clock::now());
    stats.generated_tokens_per_second = state_->generated_rate.per_second(Clock::now());
    return stats;
}

const backend::BackendInfo& Engine::backend_info() const {
    return state_->info;
}

const EngineOptions& Engine::options() const {
    return state_->options;
}

}  // namespace gptoss::engine
