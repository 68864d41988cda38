#include "api/token_queue.h"

#include <utility>

namespace gptoss::api {

TokenQueue::TokenQueue(std::function<void()> wake, GenerationObserver* observer,
                       std::shared_ptr<PromptRead> prompt_read)
    : wake_(std::move(wake)), observer_(observer), prompt_read_(std::move(prompt_read)) {}

void TokenQueue::on_token(const backend::SampledToken& token) {
    if (observer_ != nullptr) {
        const auto now = Clock::now();
        const double passed_ms = std::chrono::duration<double, std::milli>(now - last_event_).count();
        last_event_ = now;
        if (std::exchange(had_token_, true)) {
            observer_->on_next_token(passed_ms);
        } else {
            observer_->on_first_token(passed_ms);
        }
    }
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        contents_.tokens.push_back(token);
        wake = !std::exchange(woken_, true);
    }
    if (wake) wake_();
}

void TokenQueue::on_finish(engine::FinishReason reason, const engine::Usage& usage,
                           const std::string& error) {
    if (observer_ != nullptr) observer_->on_finish(reason, usage);
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        contents_.finish = Finish{reason, usage, error};
        wake = !std::exchange(woken_, true);
    }
    if (wake) wake_();
}

TokenQueue::Contents TokenQueue::take() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(contents_, {});
}

}  // namespace gptoss::api
