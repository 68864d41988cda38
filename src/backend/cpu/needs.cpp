#include "backend/needs.h"

#include <fstream>
#include <string>

namespace gptoss::backend {
namespace {

// MemAvailable counts the page cache that the kernel would give up, which is what a mapped model lives in.
std::int64_t available_memory_bytes() {
    std::ifstream file("/proc/meminfo");
    std::string name, unit;
    std::int64_t kilobytes = 0;
    while (file >> name >> kilobytes && std::getline(file, unit))
        if (name == "MemAvailable:") return kilobytes * 1024;
    return 0;
}

}  // namespace

DeviceNeeds cpu_needs(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    // What forward.cpp claims for a row: residual stream, q, k, v, rope angles and router scores in float32;
    // the inputs of matrices as float32 and 16-bit integers with 8 bytes for 32 values (activations.h).
    const std::int64_t floats =
        shape.hidden + shape.query_width() + 2LL * shape.kv_width() + shape.head_size + shape.experts;
    const std::int64_t inputs =
        shape.hidden + shape.query_width() + std::int64_t{shape.experts_used} * shape.expert_width;
    const std::int64_t row_bytes = 4 * floats + 6 * inputs + inputs / 4;
    const std::int64_t logits_bytes =
        2LL * 4 * request.max_sequences * shape.vocabulary;  // and a copy to sample from
    return {"CPU", request.max_batch_tokens * row_bytes + logits_bytes, 0, available_memory_bytes()};
}

}  // namespace gptoss::backend
