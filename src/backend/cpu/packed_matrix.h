// A weight matrix as the fast path reads it: panels of 32 rows, rows interleaved so that a vector lane is a
// row, one panel after the other in the order they are read. Made once at load; afterwards the file's own
// bytes are no longer needed.
//
// Panel layouts, for blocks of 32 columns; a panel's rows are two halves of 16, each a vector of 64 bytes:
//   mxfp4     for every two blocks [block][row] E8M0 exponents, then [block][pair 0..3][half][row][column
//   0..3]: low
//             nibble column 8*pair + c, high nibble 8*pair + 4 + c. Of MXFP4, unchanged in value.
//   int8      for every block [row] float16 scales, then [quad 0..7][half][row][column 0..3] value + 128.
//             Of Q8_0, Q4_0, Q5_0 and IQ4_NL, unchanged in value.
//   float32, float16, bfloat16   [column][row]. F32 whose values are all bfloat16 becomes that (the router,
//   whose
//             checkpoint is bfloat16). Q4_1, Q5_1, IQ4_XS and the K-quants become float16: it rounds at 2^-12
//             where their own step is 2^-7 at best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/cpu/aligned_buffer.h"
#include "backend/cpu/kernels.h"
#include "base/thread_pool.h"
#include "model/weights.h"

namespace gptoss::backend::cpu {

enum class PackedFormat { mxfp4, int8, float32, bfloat16, float16 };

struct PackedMatrix {
    PackedFormat format = PackedFormat::float32;
    std::int32_t groups = 1;      // experts, or 1; each starts a panel
    std::int32_t group_rows = 0;  // of the matrix (of each matrix, when two are joined)
    std::int32_t panels = 0;      // of a group; the last is filled up with zeros
    std::int32_t columns = 0;     // rounded up to whole blocks with zeros
    std::size_t panel_bytes = 0;
    AlignedBuffer memory;

    std::int32_t blocks() const { return columns / kBlockColumns; }
    const std::byte* panel(std::int32_t group, std::int32_t index) const {
        return memory.data() + (static_cast<std::size_t>(group) * panels + index) * panel_bytes;
    }
};

// In the format that keeps the matrix's values and is fastest. Throws Error(does_not_fit) when there is no
// memory, Error(file_corrupt) when a weight is no finite number.
PackedMatrix pack(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool);

// Two matrices of one shape: a panel's first half is 16 rows of `first`, its second half the same rows of
// `second`.
PackedMatrix pack_joined(const model::Matrix& first, const model::Matrix& second, std::int32_t groups,
                         ThreadPool& pool);

PanelDot kernel_for(const Kernels& kernels, PackedFormat format);

constexpr std::int32_t padded_columns(std::int64_t columns) {
    return static_cast<std::int32_t>((columns + kBlockColumns - 1) / kBlockColumns * kBlockColumns);
}

}  // namespace gptoss::backend::cpu
