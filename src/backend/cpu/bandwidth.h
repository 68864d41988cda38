// What the machine's memory gives: the roof that generation is held against.
#pragma once

#include "base/thread_pool.h"

namespace gptoss::backend::cpu {

// GB/s (10^9) all threads of the pool read together from a buffer far larger than the
// caches; the best of several passes.
double measure_read_bandwidth(ThreadPool& pool);

}  // namespace gptoss::backend::cpu
