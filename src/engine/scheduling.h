// What the engine strives for when prompts and answers compete (SCHEDULING); the bounds are in step_policy.h.
#pragma once

namespace gptoss::engine {

enum class Scheduling {
    latency,     // answers flow as evenly as can be; prompts wait
    balanced,    // both bounded
    throughput,  // most tokens a second of all users together
};

}  // namespace gptoss::engine
