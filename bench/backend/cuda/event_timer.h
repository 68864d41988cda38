// How benches time work on a stream: by events around it, and as a graph where launches would cost more than the work.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <vector>

#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

// Median milliseconds of `repeats` runs after `warm_ups` that are not counted. `run(i)` enqueues the i-th on `stream`.
template <typename Run>
double median_ms(const Stream& stream, int warm_ups, int repeats, Run&& run) {
    const Event begin = make_event(true), end = make_event(true);
    std::vector<float> times;
    for (int i = 0; i < repeats + warm_ups; ++i) {
        cuda_check(cudaEventRecord(begin.get(), stream.get()));
        run(i);
        cuda_check(cudaEventRecord(end.get(), stream.get()));
        cuda_check(cudaEventSynchronize(end.get()));
        float ms = 0;
        cuda_check(cudaEventElapsedTime(&ms, begin.get(), end.get()));
        if (i >= warm_ups) times.push_back(ms);
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
}

// What `enqueue` puts on `stream`, as a graph.
template <typename Enqueue>
GraphExec captured_graph(const Stream& stream, Enqueue&& enqueue) {
    cuda_check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
    enqueue();
    cudaGraph_t captured = nullptr;
    cudaGraphExec_t executable = nullptr;
    cuda_check(cudaStreamEndCapture(stream.get(), &captured));
    cuda_check(cudaGraphInstantiate(&executable, captured, 0));
    cudaGraphDestroy(captured);
    return GraphExec(executable);
}

}  // namespace gptoss::backend::cuda
