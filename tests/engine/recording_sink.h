// A sink that keeps what it hears and lets a test wait for the end.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace gptoss::test {

class RecordingSink final : public engine::GenerationSink {
  public:
    // `at_token`, if given, is called on the engine's thread with the number of tokens heard so far.
    explicit RecordingSink(std::function<void(std::size_t)> at_token = {}) : at_token_(std::move(at_token)) {}

    void on_token(const backend::SampledToken& token) override {
        std::size_t count = 0;
        {
            std::lock_guard lock(mutex_);
            tokens_.push_back(token.token);
            count = tokens_.size();
            after_end_ = after_end_ || finishes_ > 0;
            changed_.notify_all();
        }
        if (at_token_) at_token_(count);
    }

    void on_prompt(std::int32_t read) override {
        std::lock_guard lock(mutex_);
        prompt_read_.push_back(read);
    }

    void on_finish(engine::FinishReason reason, const engine::Usage& usage,
                   const std::string& error) override {
        std::lock_guard lock(mutex_);
        reason_ = reason;
        usage_ = usage;
        error_ = error;
        ++finishes_;
        changed_.notify_all();
    }

    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return finishes_ > 0; });
    }
    void wait_for_tokens(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return tokens_.size() >= count || finishes_ > 0; });
    }

    std::vector<TokenId> tokens() const { return locked(tokens_); }
    std::vector<std::int32_t> prompt_read() const { return locked(prompt_read_); }
    engine::FinishReason reason() const { return locked(reason_); }
    engine::Usage usage() const { return locked(usage_); }
    std::string error() const { return locked(error_); }
    int finishes() const { return locked(finishes_); }
    bool heard_tokens_after_the_end() const { return locked(after_end_); }

  private:
    template <typename Value>
    Value locked(const Value& value) const {
        std::lock_guard lock(mutex_);
        return value;
    }

    std::function<void(std::size_t)> at_token_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<TokenId> tokens_;
    std::vector<std::int32_t> prompt_read_;
    engine::FinishReason reason_ = engine::FinishReason::error;
    engine::Usage usage_;
    std::string error_;
    int finishes_ = 0;
    bool after_end_ = false;
};

}  // namespace gptoss::test
