// Where the node stands: loading, ready, draining. The server answers from its first second on, also while a
// model is being loaded. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/json_reader.h"
#include "api/service.h"
#include "marketplace/market.h"
#include "node/application/gpu_status.h"

namespace gptoss::node {

class NodeState {
  public:
    // What loading is at: "reading weights", 3 of 12 GB. `total` 0 = not known.
    void set_progress(std::string stage, std::int64_t done_bytes, std::int64_t total_bytes);
    void set_ready(std::shared_ptr<api::Service> service);
    // No model can be served, and why; until the next set_progress() or set_ready().
    void set_failed(std::string why);
    void set_draining();
    void set_gpu(GpuStatus status);

    // A batch that takes longer than this makes the node not ready, for as long as it takes; 0 = none does.
    void set_step_limit(std::chrono::milliseconds limit);

    // True while a batch takes longer than it may.
    bool is_stuck() const;

    bool is_ready() const;
    bool is_draining() const;

    // Throws Error(device_failed) while the GPU cannot be trusted, Error(queue_full) while its memory is
    // above the ceiling: for whatever would give it more to do.
    void require_usable_gpu() const;

    // Why nothing can be computed: the engine's words, or those of a model that could not be loaded again.
    // Empty when all is well.
    std::string failure() const;

    // Nothing when no GPU is watched.
    std::optional<GpuStatus> gpu() const;

    // Throws Error(shutting_down) with how far loading is, or while draining; Error(device_failed) when the
    // model could not be loaded again; Error(hash_mismatch) when its weights are not those of their hash.
    std::shared_ptr<api::Service> service() const;

    // Null before the model is loaded.
    std::shared_ptr<api::Service> find_service() const;

    // Once, before anything is served. Without it every session is refused.
    void set_market(std::shared_ptr<marketplace::Market> market);
    // Throws Error(not_found) where there is none.
    std::shared_ptr<marketplace::Market> market() const;
    std::shared_ptr<marketplace::Market> find_market() const;  // null where there is none
    bool sessions_are_paid() const;                            // every one of them
    void tend_market();                                        // every second or so: sessions end by time

    // {"status": "loading" | "ready" | "refusing" | "stuck" | "draining" | "failed" | "distrusted", "progress"
    // or model and context}
    api::Json to_json() const;

  private:
    bool stuck() const;
    std::string distrust() const;  // what is wrong with the weights; empty when nothing is known

    mutable std::mutex mutex_;
    std::chrono::milliseconds step_limit_{0};
    std::string failure_;
    std::string stage_ = "starting";
    std::int64_t done_bytes_ = 0;
    std::int64_t total_bytes_ = 0;
    std::chrono::steady_clock::time_point stage_began_ = std::chrono::steady_clock::now();
    std::optional<GpuStatus> gpu_;
    bool draining_ = false;
    std::shared_ptr<api::Service> service_;
    std::shared_ptr<marketplace::Market> market_;
};

}  // namespace gptoss::node
