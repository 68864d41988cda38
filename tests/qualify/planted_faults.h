// Faults in the kernels of a GPU, for tests alone: the program is linked so that launches come here first
// (CMakeLists.txt: --wrap). The true kernel runs, then its result is spoilt as the fault would spoil it.
#pragma once

#include <map>
#include <string>

namespace gptoss::test {

enum class GpuFault {
    wrong_lane,           // one of 32 columns
    race,                 // values go through shared memory, and a barrier is missing
    wrong_at_129_tokens,  // one tile of columns
    wrong_when_deep,      // rows above position 65,536, full layers: attention, the decode pass
    rare_not_a_number,    // where a value has certain bits, one of 256
    stale_workspace,      // what a larger step left behind is added; of products of few rows
    wrong_keys,  // that the decode pass leaves of a row alone, in full layers, once it has attended to them
    slow,        // three times as long; of products that may be computed again
    illegal_address,  // the device is lost for its process
};

// From now on these kernels are wrong ("experts/streamed"); another call replaces them.
void plant(std::map<std::string, GpuFault> faults);

}  // namespace gptoss::test
