// Where the node stands: loading, ready, draining. The server answers from its first second on, also while a
// model is being loaded. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "api/json_reader.h"
#include "api/service.h"

namespace gptoss::server {

class NodeState {
  public:
    // What loading is at: "reading weights", 3 of 12 GB. `total` 0 = no telling how long.
    void set_progress(std::string stage, std::int64_t done_bytes, std::int64_t total_bytes);
    void set_ready(std::shared_ptr<api::Service> service);
    void set_draining();

    bool is_ready() const;
    bool is_draining() const;

    // Throws Error(shutting_down) with how far loading is, or while draining.
    std::shared_ptr<api::Service> service() const;

    // Null before the model is loaded.
    std::shared_ptr<api::Service> find_service() const;

    // {"status": "loading" | "ready" | "draining" | "failed", "progress" or model and context}
    api::Json to_json() const;

  private:
    mutable std::mutex mutex_;
    std::string stage_ = "starting";
    std::int64_t done_bytes_ = 0;
    std::int64_t total_bytes_ = 0;
    bool draining_ = false;
    std::shared_ptr<api::Service> service_;
};

}  // namespace gptoss::server
