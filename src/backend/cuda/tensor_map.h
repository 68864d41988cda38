// Matrices as the copy engine sees them (TMA, sm_90 and later): boxes of one are copied into shared memory.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace gptoss::backend::cuda {

struct BoxedMatrix {
    const void* data = nullptr;          // on 16 bytes
    std::int64_t rows = 0, columns = 0;  // a row is a multiple of 16 bytes, and follows the one before
    std::int32_t element_bytes = 1;      // or 2
    // Up to 256 each. What lies outside the matrix is filled with zeros.
    std::uint32_t box_rows = 0, box_columns = 0;
    // More than one: a box is so many pieces of box_columns, [piece][row][column]. What the last has more than its row is
    // the beginning of the next row, so that memory must follow the matrix.
    std::uint32_t box_pieces = 1;
    CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
    CUtensorMapL2promotion fetches = CU_TENSOR_MAP_L2_PROMOTION_L2_128B;
};

// Throws Error(device_failed) when the driver does not take it.
CUtensorMap map_matrix(const BoxedMatrix& matrix);

}  // namespace gptoss::backend::cuda
