#include "backend/cuda/operation_clock.h"

#include <algorithm>

namespace gptoss::backend::cuda {

void OperationClock::mark(const char* operation) {
    marks_.emplace_back(operation, make_event(true));
    cuda_check(cudaEventRecord(marks_.back().second.get(), stream_));
}

void OperationClock::add_to(std::vector<OperationTime>& times) const {
    cuda_check(cudaEventSynchronize(marks_.back().second.get()));
    for (std::size_t i = 1; i < marks_.size(); ++i) {
        float ms = 0;
        cuda_check(cudaEventElapsedTime(&ms, marks_[i - 1].second.get(), marks_[i].second.get()));
        const std::string name = marks_[i].first;
        auto time = std::ranges::find(times, name, &OperationTime::name);
        if (time == times.end()) time = times.insert(times.end(), {name, 0, 0});
        ++time->calls;
        time->seconds += static_cast<double>(ms) * 1e-3;
    }
}

}  // namespace gptoss::backend::cuda
