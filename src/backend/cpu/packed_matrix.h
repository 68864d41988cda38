// A weight matrix as the fast path reads it: panels of 16 rows, rows interleaved so that a vector lane is a
// row. Made once at load; afterwards the file's own bytes are no longer needed.
//
// Panel layouts, for blocks of 32 columns:
//   mxfp4     [block][pair 0..3][row 0..15][column 0..3]: low nibble column 8*pair + c, high nibble 8*pair +
//   4 + c;
//             then [block][row] E8M0 exponents. Of MXFP4, unchanged in value.
//   int8      [block][quad 0..7][row][column 0..3] value + 128; then [block][row] float16 scales.
//             Of Q8_0, Q4_0, Q5_0 and IQ4_NL, unchanged in value.
//   float32, float16, bfloat16   [column][row]. F32 whose values are all bfloat16 becomes that (the router,
//   whose
//             checkpoint is bfloat16). Q4_1, Q5_1, IQ4_XS and the K-quants become float16: it rounds at 2^-12
//             where their own step is 2^-7 at best.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/aligned_buffer.h"
#include "backend/cpu/kernels.h"
#include "base/thread_pool.h"
#include "model/weights.h"

namespace gptoss::backend::cpu {

enum class PackedFormat { mxfp4, int8, float32, bfloat16, float16 };

struct PackedMatrix {
    PackedFormat format = PackedFormat::float32;
    std::int32_t groups = 1;      // experts, or 1; each starts a panel
    std::int32_t group_rows = 0;  // of the matrix; the last panel of a group is filled up with zeros
    std::int32_t columns = 0;     // rounded up to whole blocks with zeros
    std::size_t panel_bytes = 0;
    AlignedBuffer memory;

    std::int32_t blocks() const { return columns / kBlockColumns; }
    std::int32_t group_panels() const { return (group_rows + kPanelRows - 1) / kPanelRows; }
    // Kernels take panels in pairs; the last pair of an odd count is one panel twice.
    std::int32_t group_pairs() const { return (group_panels() + 1) / 2; }
    const std::byte* panel(std::int32_t group, std::int32_t index) const {
        return memory.data() + (static_cast<std::size_t>(group) * group_panels() + index) * panel_bytes;
    }
};

// In the format that keeps the matrix's values and is fastest; float32 always does the former.
// Throws Error(does_not_fit) when there is no memory for it.
PackedMatrix pack(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool);
PackedMatrix pack_as_float32(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool);

PanelDot kernel_for(const Kernels& kernels, PackedFormat format);

inline std::int32_t padded_columns(std::int64_t columns) {
    return static_cast<std::int32_t>((columns + kBlockColumns - 1) / kBlockColumns * kBlockColumns);
}

}  // namespace gptoss::backend::cpu
