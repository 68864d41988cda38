#include "qualify/memory_watch.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>

namespace gptoss::qualify {
namespace {

constexpr double kGrowth = 0.05;
constexpr std::int64_t kNoise_bytes = 64 << 20;

}  // namespace

void MemoryWatch::look(std::int64_t resident_bytes, const nlohmann::json& status) {
    if (resident_bytes <= 0) return;
    const nlohmann::json memory = status.is_object() && status.contains("card")
                                      ? status["card"].value("memory", nlohmann::json::object())
                                      : nlohmann::json::object();
    const nlohmann::json engine =
        status.is_object() ? status.value("engine", nlohmann::json::object()) : nlohmann::json::object();
    const auto total = engine.value("kv_blocks_total", std::int64_t{0});
    if (total > 0) {
        const double share = static_cast<double>(engine.value("kv_blocks_used", std::int64_t{0}) +
                                                 engine.value("kv_blocks_cached", std::int64_t{0})) /
                             static_cast<double>(total);
        const std::int64_t most = cache_on_gpu_ ? memory.value("host_bytes", std::int64_t{0})
                                                : std::numeric_limits<std::int64_t>::max();
        const auto filled = static_cast<std::int64_t>(share * memory.value("full_kv_bytes", 0.0));
        filled_bytes_ = std::max(filled_bytes_, std::min(filled, most));
        windows_bytes_ = std::min(memory.value("sliding_kv_bytes", std::int64_t{0}), most);
    }
    bytes_.push_back(resident_bytes - filled_bytes_);
}

std::int64_t MemoryWatch::settled_bytes() const {
    return bytes_[bytes_.size() / 4];
}

bool MemoryWatch::grew() const {
    return !bytes_.empty() &&
           static_cast<double>(bytes_.back()) > static_cast<double>(settled_bytes()) * (1 + kGrowth) +
                                                    static_cast<double>(kNoise_bytes + windows_bytes_);
}

std::string MemoryWatch::text() const {
    if (bytes_.empty()) return "nobody looked";
    return fmt::format("{:.0f} MB when settled, {:.0f} MB at the end, and {:.0f} MB of cache filled",
                       static_cast<double>(settled_bytes()) / 1e6, static_cast<double>(bytes_.back()) / 1e6,
                       static_cast<double>(filled_bytes_) / 1e6);
}

}  // namespace gptoss::qualify
