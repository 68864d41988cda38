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
    // float32 buffers of one step: residual, norm, q, k, v, attention, and per chosen expert gate, up and
    // down.
    const std::int64_t row_floats = 3LL * shape.hidden + 2LL * shape.query_width() + 2LL * shape.kv_width() +
                                    shape.experts +
                                    shape.experts_used * (2LL * shape.expert_width + shape.hidden);
    const std::int64_t logits_floats = static_cast<std::int64_t>(request.max_sequences) * shape.vocabulary;
    return {"CPU", 4 * (request.max_batch_tokens * row_floats + logits_floats), 0, available_memory_bytes()};
}

}  // namespace gptoss::backend
