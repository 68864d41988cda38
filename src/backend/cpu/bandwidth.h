// What the machine's memory gives: the roof that generation is held against.
#pragma once

#include "base/thread_pool.h"

namespace gptoss::backend::cpu {

// GB/s (10^9) all threads of the pool read together from a buffer far larger than the caches: the median of
// half a second of passes, since what a machine shared with others gives for a fiftieth of a second it does
// not keep up.
double measure_read_bandwidth(ThreadPool& pool);

}  // namespace gptoss::backend::cpu
