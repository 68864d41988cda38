#include "marketplace/outbox_sender.h"

#include <spdlog/spdlog.h>

#include "api/clock.h"
#include "provenance/http_client.h"

namespace gptoss::marketplace {
namespace {

constexpr std::chrono::seconds kPause{1};
constexpr std::int64_t kUploadTimeout_ms = 90'000;
constexpr int kCreated = 201, kOk = 200;

}  // namespace

Upload bridge_upload(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    const auto client = std::make_shared<provenance::HttpClient>();
    return [client, url](const OutboxFile& file) -> std::string {
        provenance::HttpRequest request;
        request.url = url + "/s5/fs/" + file.path;
        request.method = "PUT";
        request.headers = {"Content-Type: application/octet-stream"};
        request.body = file.body;
        request.timeout_ms = kUploadTimeout_ms;
        const auto reply = client->perform(request);
        if (!reply.network_error.empty()) return reply.network_error;
        if (reply.status != kCreated && reply.status != kOk)
            return "HTTP status " + std::to_string(reply.status);
        const auto json = nlohmann::json::parse(reply.body, nullptr, false);
        if (json.is_object() && json.contains("cid") && json["cid"] != file.cid)
            return "S5 calls the file by another name than its bytes have";
        return {};
    };
}

OutboxSender::OutboxSender(std::shared_ptr<Checkpoints> checkpoints, Upload upload)
    : checkpoints_(std::move(checkpoints)), upload_(std::move(upload)), thread_([this] { run(); }) {}

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
            if (const auto file = checkpoints_->next(api::now_s())) {
                const std::string problem = upload_(*file);
                if (problem.empty()) {
                    checkpoints_->uploaded(*file);
                } else {
                    checkpoints_->failed(*file, api::now_s());
                    if (problem != told) spdlog::warn("S5: {}: {}; it is tried again", file->path, problem);
                }
                told = problem;
                const std::lock_guard lock(mutex_);
                if (stop_) return;
                if (problem.empty()) continue;
            }
        } catch (const std::exception& error) {  // a full disk must not end the node
            spdlog::error("S5: {}", error.what());
        }
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, kPause, [this] { return stop_; })) return;
    }
}

}  // namespace gptoss::marketplace
