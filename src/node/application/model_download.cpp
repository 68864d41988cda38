#include "node/application/model_download.h"

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "provenance/download.h"
#include "provenance/known_releases.h"

namespace gptoss::node {

using api::Caller;
using api::HandlerResult;
using api::Json;
using http::HttpRequest;
using http::RunsOn;

ModelDownload::ModelDownload(ModelDownloadOptions options) : options_(std::move(options)) {}

void ModelDownload::start(const std::string& model) {
    const provenance::KnownRelease* release = provenance::find_release(model);
    if (release == nullptr)
        throw Error(ErrorCode::not_found, "No release is called \"" + model + "\".",
                    "Known are gpt-oss-20b and gpt-oss-120b; `gpt-oss-node download` takes any other.");
    const std::lock_guard lock(mutex_);
    if (state_ == "running")
        throw Error(ErrorCode::queue_full, model_ + " is being downloaded already.",
                    "DELETE /admin/download stops it.");
    if (thread_.joinable()) thread_.join();  // it has ended: the state says so
    stop_ = false;
    state_ = "running";
    model_ = model;
    event_ = path_ = problem_ = "";
    done_bytes_ = total_bytes_ = 0;
    thread_ = std::jthread([this, model] { run(model); });
}

void ModelDownload::run(const std::string& model) {
    const provenance::KnownRelease& release = *provenance::find_release(model);
    provenance::DownloadRequest request;
    request.host = options_.host;
    request.repository = release.repository;
    request.file = release.first_file;
    request.folder = options_.folder / request.repository.substr(request.repository.find('/') + 1);
    std::string state = "done", path, problem;
    try {
        spdlog::info("downloading {} to {}", model, request.folder.string());
        const auto result =
            provenance::download(request, [this](const provenance::DownloadProgress& progress) {
                const std::lock_guard lock(mutex_);
                done_bytes_ = progress.done_bytes;
                total_bytes_ = progress.total_bytes;
                if (!progress.event.empty()) event_ = progress.event;
                return !stop_;
            });
        path = std::filesystem::absolute(result.parts.at(0).path).string();
        spdlog::info("{} is downloaded: MODEL_PATH={}", model, path);
    } catch (const Error& error) {
        state = stop_ ? "stopped" : "failed";
        if (!stop_) problem = error.for_people();
        spdlog::warn("{} is not downloaded: {}", model, error.what());
    }
    const std::lock_guard lock(mutex_);
    state_ = state;
    path_ = path;
    problem_ = problem;
}

Json ModelDownload::to_json() const {
    const std::lock_guard lock(mutex_);
    Json json{{"state", state_}, {"folder", std::filesystem::absolute(options_.folder).string()}};
    if (state_ == "none") return json;
    json["model"] = model_;
    json["done_bytes"] = done_bytes_;
    json["total_bytes"] = total_bytes_;
    if (!event_.empty()) json["event"] = event_;
    if (!path_.empty()) json["path"] = path_;
    if (!problem_.empty()) json["problem"] = problem_;
    return json;
}

Json ModelDownload::serve() {
    std::string path;
    {
        const std::lock_guard lock(mutex_);
        path = path_;
    }
    if (path.empty())
        throw Error(ErrorCode::request_invalid, "Nothing was downloaded since this node started.",
                    "Set MODEL_PATH to serve another model.");
    if (!options_.serve) throw Error(ErrorCode::request_invalid, "This node cannot change its model.");
    return options_.serve(path);
}

void ModelDownload::add_routes(http::Router& router) {
    router.add({"GET", "/admin/download", false, [this](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply(to_json());
                }});
    router.add({"POST", "/admin/download", false,
                [this](const HttpRequest& request, const Caller&) -> HandlerResult {
                    const Json json = api::parse_json(request.body);
                    start(api::Fields(json, "").find_text("model").value_or(""));
                    return api::json_reply(to_json(), 202);
                },
                RunsOn::disk, true});
    router.add({"DELETE", "/admin/download", false,
                [this](const HttpRequest&, const Caller&) -> HandlerResult {
                    stop();
                    return api::json_reply(to_json());
                },
                RunsOn::io_thread, true});
    router.add(
        {"POST", "/admin/download/serve", false,
         [this](const HttpRequest&, const Caller&) -> HandlerResult { return api::json_reply(serve(), 202); },
         RunsOn::disk, true});
}

}  // namespace gptoss::node
