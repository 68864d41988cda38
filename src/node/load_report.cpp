#include "node/load_report.h"

#include <array>
#include <cstdio>

namespace gptoss::node {

std::string LoadReport::text(const std::string& stage, std::int64_t done_bytes, std::int64_t total_bytes,
                             Clock::time_point now) {
    const bool is_new = stage != stage_;
    if (is_new) {
        stage_ = stage;
        began_ = now;
    }
    const bool is_done = total_bytes > 0 && done_bytes == total_bytes;
    due_ = is_new || is_done || now - last_due_ >= std::chrono::seconds(1);
    if (due_) last_due_ = now;
    if (total_bytes <= 0) return stage;
    const double spent_s = std::chrono::duration<double>(now - began_).count();
    const auto done = static_cast<double>(done_bytes), total = static_cast<double>(total_bytes);
    std::array<char, 96> numbers{};
    std::snprintf(numbers.data(), numbers.size(), ": %.1f of %.1f GB, %.0f %%", done / 1e9, total / 1e9,
                  100 * done / total);
    std::string line = stage + numbers.data();
    if (spent_s > 0.05) {  // before that, a speed says nothing
        std::snprintf(numbers.data(), numbers.size(), ", %.1f GB/s", done / 1e9 / spent_s);
        line += numbers.data();
    }
    return line;
}

}  // namespace gptoss::node
