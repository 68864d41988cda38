// A clock between the operations of a pass: events in its stream.
#pragma once

#include <cuda_runtime_api.h>

#include <utility>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

class OperationClock {
  public:
    // The first operation begins with what is enqueued after this.
    explicit OperationClock(cudaStream_t stream) : stream_(stream) { mark(nullptr); }

    // What was enqueued since the last mark is `operation`. The name must outlive the clock.
    void mark(const char* operation);

    // Waits for the stream and adds the times, by name.
    void add_to(std::vector<OperationTime>& times) const;

  private:
    cudaStream_t stream_;
    std::vector<std::pair<const char*, Event>> marks_;
};

}  // namespace gptoss::backend::cuda
