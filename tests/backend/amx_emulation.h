// AMX on a processor without it: the tile instructions of the compiled kernels trap, and a handler does what they
// are defined to do. What is tested so is the machine code that a processor with AMX would run.
#pragma once

namespace gptoss::backend::cpu::test {

// From here on tile instructions work in this process.
void emulate_amx();

}  // namespace gptoss::backend::cpu::test
