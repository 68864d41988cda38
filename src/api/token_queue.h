// Where the engine's thread leaves tokens and a connection's thread picks them up. The engine is never
// blocked by a slow client: a queue holds at most a whole reply, and a client that does not read is cut off
// by the server.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/response_stream.h"
#include "engine/engine.h"

namespace gptoss::api {

// Told what happens to generations, on the engine's thread; for metrics.
class GenerationObserver {
  public:
    virtual ~GenerationObserver() = default;
    virtual void on_first_token(double since_submission_ms) = 0;
    virtual void on_next_token(double since_last_token_ms) = 0;
    virtual void on_finish(engine::FinishReason reason, const engine::Usage& usage) = 0;
};

class TokenQueue final : public engine::GenerationSink {
  public:
    struct Finish {
        engine::FinishReason reason{};
        engine::Usage usage;
        std::string error;
    };
    struct Contents {
        std::vector<backend::SampledToken> tokens;
        std::optional<Finish> finish;
    };

    // `wake` is called on the engine's thread when the queue, emptied before, holds something again; it
    // must not block. `observer` may be null and must outlive the queue otherwise; `prompt_read` may be null.
    // Nobody is woken for it: whoever looks, looks now and then.
    TokenQueue(std::function<void()> wake, GenerationObserver* observer,
               std::shared_ptr<PromptRead> prompt_read = {});

    void on_prompt(std::int32_t read) override {
        if (prompt_read_ != nullptr) *prompt_read_ = read;
    }
    void on_token(const backend::SampledToken& token) override;
    void on_finish(engine::FinishReason reason, const engine::Usage& usage,
                   const std::string& error) override;

    Contents take();

  private:
    using Clock = std::chrono::steady_clock;

    std::function<void()> wake_;
    GenerationObserver* observer_;
    std::shared_ptr<PromptRead> prompt_read_;
    Clock::time_point last_event_ = Clock::now();
    bool had_token_ = false;

    std::mutex mutex_;
    Contents contents_;
    bool woken_ = false;  // since the last take()
};

}  // namespace gptoss::api
