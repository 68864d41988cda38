#include "node/application/node_state.h"

#include <algorithm>

#include "base/error.h"

namespace gptoss::node {

void NodeState::set_progress(std::string stage, std::int64_t done_bytes, std::int64_t total_bytes) {
    const std::lock_guard lock(mutex_);
    failure_.clear();
    if (stage != stage_) stage_began_ = std::chrono::steady_clock::now();
    stage_ = std::move(stage);
    done_bytes_ = done_bytes;
    total_bytes_ = total_bytes;
}

void NodeState::set_ready(std::shared_ptr<api::Service> service) {
    const std::lock_guard lock(mutex_);
    failure_.clear();
    service_ = std::move(service);
}

void NodeState::set_failed(std::string why) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(why);
    service_ = nullptr;
}

void NodeState::set_draining() {
    const std::lock_guard lock(mutex_);
    draining_ = true;
}

void NodeState::set_gpu(GpuStatus status) {
    const std::lock_guard lock(mutex_);
    gpu_ = std::move(status);
}

void NodeState::set_market(std::shared_ptr<marketplace::Market> market) {
    const std::lock_guard lock(mutex_);
    market_ = std::move(market);
}

bool NodeState::sessions_are_paid() const {
    const std::lock_guard lock(mutex_);
    return market_ != nullptr && market_->options().job_rule == marketplace::JobRule::require;
}

std::shared_ptr<marketplace::Market> NodeState::market() const {
    const std::lock_guard lock(mutex_);
    if (market_ != nullptr) return market_;
    throw Error(ErrorCode::not_found, "This node opens no sessions.",
                "The operator must set GPTOSS_SESSIONS=on.");
}

std::shared_ptr<marketplace::Market> NodeState::find_market() const {
    const std::lock_guard lock(mutex_);
    return market_;
}

void NodeState::tend_market() {
    if (const auto market = find_market()) market->tick(std::chrono::steady_clock::now());
}

bool NodeState::is_ready() const {
    const std::lock_guard lock(mutex_);
    const bool gpu_is_usable = !gpu_ || (gpu_->failure.empty() && gpu_->obstacle.empty());
    return service_ != nullptr && !draining_ && gpu_is_usable && !stuck() &&
           service_->engine().failure().empty() && distrust().empty();
}

std::string NodeState::distrust() const {
    if (service_ == nullptr) return "";
    const auto& check = service_->served_model().weight_check;
    return check ? check->mismatch() : "";
}

void NodeState::set_step_limit(std::chrono::milliseconds limit) {
    const std::lock_guard lock(mutex_);
    step_limit_ = limit;
}

bool NodeState::is_stuck() const {
    const std::lock_guard lock(mutex_);
    return stuck();
}

bool NodeState::stuck() const {
    return service_ != nullptr && step_limit_.count() > 0 &&
           service_->engine().step_age_ms() > static_cast<double>(step_limit_.count());
}

void NodeState::require_usable_gpu() const {
    const std::lock_guard lock(mutex_);
    if (!gpu_) return;
    if (!gpu_->failure.empty()) throw Error(ErrorCode::device_failed, "The GPU has failed: " + gpu_->failure);
    if (!gpu_->obstacle.empty())
        throw Error(ErrorCode::queue_full, "No new requests for the moment: " + gpu_->obstacle, {},
                    {{"retry_after_s", "5"}});
}

std::string NodeState::failure() const {
    const std::lock_guard lock(mutex_);
    return service_ != nullptr ? service_->engine().failure() : failure_;
}

std::optional<GpuStatus> NodeState::gpu() const {
    const std::lock_guard lock(mutex_);
    return gpu_;
}

bool NodeState::is_draining() const {
    const std::lock_guard lock(mutex_);
    return draining_;
}

std::shared_ptr<api::Service> NodeState::find_service() const {
    const std::lock_guard lock(mutex_);
    return service_;
}

std::shared_ptr<api::Service> NodeState::service() const {
    const std::lock_guard lock(mutex_);
    if (draining_)
        throw Error(ErrorCode::shutting_down, "The node is shutting down.", {}, {{"retry_after_s", "5"}});
    if (!failure_.empty()) {
        throw Error(ErrorCode::device_failed, "The model could not be loaded: " + failure_,
                    "The node tries again every minute, and when it gets a SIGHUP.",
                    {{"retry_after_s", "60"}});
    }
    if (service_ == nullptr) {
        throw Error(ErrorCode::shutting_down, "The model is still being loaded (" + stage_ + ").",
                    "GET /ready tells how far it is.", {{"retry_after_s", "2"}});
    }
    if (const std::string why = distrust(); !why.empty())
        throw Error(ErrorCode::hash_mismatch, "The weights are not those of their hash: " + why,
                    "The operator must restore the files and start the node again.");
    return service_;
}

api::Json NodeState::to_json() const {
    const std::lock_guard lock(mutex_);
    api::Json json;
    json["status"] = draining_ ? "draining" : service_ != nullptr ? "ready" : "loading";
    if (service_ != nullptr) {
        json["model"] = service_->served_model().id;
        json["context_length"] = service_->engine().options().context_length;
        json["device"] = service_->engine().backend_info().device;
        if (gpu_ && !gpu_->obstacle.empty()) {
            json["status"] = "refusing";
            json["obstacle"] = gpu_->obstacle;
        }
        if (stuck()) {
            json["status"] = "stuck";
            json["step_age_ms"] = service_->engine().step_age_ms();
        }
        std::string failure = service_->engine().failure();
        if (failure.empty() && gpu_) failure = gpu_->failure;
        if (!failure.empty()) {
            json["status"] = "failed";
            json["failure"] = failure;
        }
        if (const std::string why = distrust(); !why.empty()) {
            json["status"] = "distrusted";
            json["failure"] = why;
        }
        return json;
    }
    if (!failure_.empty()) {
        json["status"] = draining_ ? "draining" : "failed";
        json["failure"] = failure_;
        return json;
    }
    api::Json progress;
    progress["stage"] = stage_;
    progress["done_bytes"] = done_bytes_;
    progress["total_bytes"] = total_bytes_;
    if (total_bytes_ > 0) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - stage_began_;
        progress["fraction"] = static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_);
        progress["gb_per_second"] = static_cast<double>(done_bytes_) / 1e9 / std::max(spent.count(), 1e-3);
    }
    json["progress"] = std::move(progress);
    return json;
}

}  // namespace gptoss::node
