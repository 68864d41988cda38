// The threads that call handlers, in lanes. Small requests have threads of their own, so that they wait for no
// large one. Large ones, and small ones that turn out to take many steps, give way to everything else on the
// processor. What waits for a disk waits beside them, and so does what may ask the chain. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "http/router.h"
#include "http/worker_pool.h"

namespace gptoss::http {

struct WorkersOptions {
    int threads = 2;                      // for small requests and for the disk; one fewer for large ones
    std::size_t waiting_limit = 0;        // jobs in every lane but that of large ones
    std::size_t waiting_large_limit = 0;  // jobs in the lane of large ones
};

class Workers {
  public:
    static constexpr std::size_t kSmallBody_bytes = std::size_t{64} << 10;

    explicit Workers(const WorkersOptions& options);

    // False when too many wait already. The job is called on a worker, or destroyed uncalled. One for
    // RunsOn::worker may be called twice, when the first call throws TooManySteps (base/step_bound.h).
    bool submit(RunsOn where, const std::string& client, std::size_t body_bytes, WorkerPool::Job job);

    // Whether submit() would take it at this moment: asked before such a body is read.
    bool has_room(const std::string& client, std::size_t body_bytes) const;

  private:
    void run_small(const std::string& client, const WorkerPool::Job& job);
    void give_memory_back();

    std::atomic<std::chrono::steady_clock::rep> memory_given_at_ = 0;
    // A lane submits to those above it, so it goes before them.
    WorkerPool disk_;
    WorkerPool chain_;
    WorkerPool large_;
    WorkerPool small_;
};

}  // namespace gptoss::http
