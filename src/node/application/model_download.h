// Downloads a known release on an operator's word, in the background; one at a time. Thread-safe.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "http/router.h"
#include "provenance/repository.h"

namespace gptoss::node {

struct ModelDownloadOptions {
    std::filesystem::path folder;  // each model gets a folder of its own in it
    provenance::RepositoryHost host;
    std::function<api::Json(const std::string& path)>
        serve;  // another model in place of this one; throws Error
};

class ModelDownload {
  public:
    explicit ModelDownload(ModelDownloadOptions options);
    ~ModelDownload() { stop_ = true; }

    // Throws Error(not_found) for a name that is no known release, Error(queue_full) while one is under way.
    void start(const std::string& model);
    void stop() { stop_ = true; }  // can be resumed

    // {"state": "none" | "running" | "done" | "stopped" | "failed", "folder", and by state "model", "done_bytes",
    // "total_bytes", "event", "path", "problem"}
    api::Json to_json() const;

    //   GET    /admin/download         as to_json()
    //   POST   /admin/download         {"model": "gpt-oss-20b"}
    //   DELETE /admin/download         stops it
    //   POST   /admin/download/serve   serves what was downloaded, until the next start
    void add_routes(http::Router& router);

  private:
    void run(const std::string& model);
    api::Json serve();

    ModelDownloadOptions options_;
    mutable std::mutex mutex_;
    std::string state_ = "none", model_, event_, path_, problem_;
    std::uint64_t done_bytes_ = 0, total_bytes_ = 0;
    std::atomic<bool> stop_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace gptoss::node
