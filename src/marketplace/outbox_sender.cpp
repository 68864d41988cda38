#include "marketplace/outbox_sender.h"

#include <spdlog/spdlog.h>

#include "base/utc_time.h"

namespace gptoss::marketplace {
namespace {

constexpr std::chrono::seconds kPause{1};
}  // namespace

OutboxSender::OutboxSender(std::shared_ptr<Outbox> outbox, Upload upload)
    : outbox_(std::move(outbox)), upload_(std::move(upload)), thread_([this] { run(); }) {}

OutboxSender::~OutboxSender() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
}

void OutboxSender::run() {
    std::string told;
    for (;;) {
        try {
            if (const auto file = outbox_->next(now_s())) {
                const std::string problem = upload_(*file, [this] { return !stop_; });
                if (problem.empty()) {
                    outbox_->uploaded(*file);
                } else {
                    outbox_->failed(*file, now_s());
                    if (problem != told) spdlog::warn("S5: {}: {}; it is tried again", file->path, problem);
                }
                told = problem;
                if (stop_) return;
                if (problem.empty()) continue;
            }
        } catch (const std::exception& error) {  // a full disk must not end the node
            spdlog::error("S5: {}", error.what());
        }
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, kPause, [this] { return stop_.load(); })) return;
    }
}

}  // namespace gptoss::marketplace
