#include "node/model_swap.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "base/error.h"

namespace gptoss::node {

using namespace std::chrono_literals;

void ModelSwap::start(const Settings& current, const Settings& next, bool beside,
                      std::function<void()> when_served) {
    if (going_on_.exchange(true))
        throw Error(ErrorCode::queue_full, "A model is being loaded already.", "Ask again when it is done.");
    if (thread_.joinable()) thread_.join();
    set_status("loading");
    when_served_ = std::move(when_served);
    thread_ = std::thread([this, current, next, beside] { run(current, next, beside); });
}

std::string ModelSwap::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void ModelSwap::set_status(std::string text) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(text);
}

void ModelSwap::stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
}

void ModelSwap::run(const Settings& current, const Settings& next, bool beside) {
    std::string outcome = "done";
    try {
        if (!beside || !load_beside(next)) load_after(current, next);
        spdlog::info("the new model serves");
    } catch (const std::exception& problem) {
        outcome = std::string("failed: ") + problem.what();
        spdlog::error("the model was not changed: {}", problem.what());
    }
    going_on_ = false;  // first: who reads the outcome may start the next
    set_status(std::move(outcome));
}

LoadedModel ModelSwap::load(const Settings& settings) {
    return load_model(settings, devices_,
                      [this](const std::string& stage, std::int64_t done, std::int64_t total) {
                          if (stop_) throw Error(ErrorCode::cancelled, "stopped while loading");
                          state_.set_progress(stage, done, total);
                      });
}

void ModelSwap::serve(std::shared_ptr<api::Service> service) {
    state_.set_ready(std::move(service));
    if (when_served_) when_served_();
}

// False when there is no room for both.
bool ModelSwap::load_beside(const Settings& next) {
    std::shared_ptr<api::Service> old = state_.find_service();
    try {
        serve(make_service_(next, load(next)));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::does_not_fit) throw;
        spdlog::warn(
            "no room for a second model beside the first, which finishes first; to load one beside the "
            "other, let "
            "both leave room with GPTOSS_CACHE_TOKENS (0 takes what the card has): {}",
            error.what());
        return false;
    }
    retire(std::move(old));
    return true;
}

void ModelSwap::load_after(const Settings& current, const Settings& next) {
    std::shared_ptr<api::Service> old = state_.find_service();
    state_.set_ready(nullptr);
    set_status("waiting for the old model's streams");
    retire(std::move(old));
    if (stop_) return;
    set_status("loading");
    try {
        serve(make_service_(next, load(next)));
    } catch (const std::exception& problem) {
        spdlog::error("{}; the model of before is loaded again", problem.what());
        try {
            state_.set_ready(make_service_(current, load(current)));
        } catch (const std::exception& second_problem) {
            state_.set_failed(second_problem.what());
        }
        throw;
    }
}

// Whoever answers a request with the old model holds it; the last of them to go leaves it here.
void ModelSwap::retire(std::shared_ptr<api::Service> old) {
    while (old != nullptr && old.use_count() > 1 && !stop_) std::this_thread::sleep_for(20ms);
}

}  // namespace gptoss::node
