// Whether this process may use AMX, and whether AMX computes what AVX-512 does.
#pragma once

#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {

// The processor has it, the system gives it to this process, and a product of each format is that of the AVX-512 set
// to the bit. Asked and tried once. Only where the AVX-512 set runs.
bool is_amx_usable();

// Products of random weights and activations are the same bits; both sets quantise activations alike.
bool are_products_equal(const Kernels& a, const Kernels& b);

}  // namespace gptoss::backend::cpu
