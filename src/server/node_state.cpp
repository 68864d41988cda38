#include "server/node_state.h"

#include "base/error.h"

namespace gptoss::server {

void NodeState::set_progress(std::string stage, std::int64_t done_bytes, std::int64_t total_bytes) {
    const std::lock_guard lock(mutex_);
    stage_ = std::move(stage);
    done_bytes_ = done_bytes;
    total_bytes_ = total_bytes;
}

void NodeState::set_ready(std::shared_ptr<api::Service> service) {
    const std::lock_guard lock(mutex_);
    service_ = std::move(service);
}

void NodeState::set_draining() {
    const std::lock_guard lock(mutex_);
    draining_ = true;
}

bool NodeState::is_ready() const {
    const std::lock_guard lock(mutex_);
    return service_ != nullptr && !draining_ && service_->engine().failure().empty();
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
    if (service_ == nullptr) {
        throw Error(ErrorCode::shutting_down, "The model is still being loaded (" + stage_ + ").",
                    "GET /ready tells how far it is.", {{"retry_after_s", "2"}});
    }
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
        if (const std::string failure = service_->engine().failure(); !failure.empty()) {
            json["status"] = "failed";
            json["failure"] = failure;
        }
        return json;
    }
    api::Json progress;
    progress["stage"] = stage_;
    progress["done_bytes"] = done_bytes_;
    progress["total_bytes"] = total_bytes_;
    if (total_bytes_ > 0)
        progress["fraction"] = static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_);
    json["progress"] = std::move(progress);
    return json;
}

}  // namespace gptoss::server
