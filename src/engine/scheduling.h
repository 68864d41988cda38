// What the engine strives for when prompts and answers compete (SCHEDULING); the bounds are in step_policy.h.
#pragma once

#include <array>
#include <string_view>

namespace gptoss::engine {

enum class Scheduling {
    latency,     // answers flow as evenly as can be; prompts wait
    balanced,    // both bounded
    throughput,  // most tokens a second of all users together
};

inline constexpr std::array<std::string_view, 3> kSchedulingNames{"latency", "balanced", "throughput"};

}  // namespace gptoss::engine
