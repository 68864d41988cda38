// Rows of activations in the two forms the matrix kernels read: float32, and 16-bit integers with a scale
// for 32.
#pragma once

#include <span>
#include <vector>

#include "backend/cpu/aligned_buffer.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/packed_matrix.h"

namespace gptoss::backend::cpu {

class Activations {
  public:
    Activations(std::int64_t rows, std::int64_t columns)
        : columns_(padded_columns(columns)),
          floats_(static_cast<std::size_t>(rows * columns_) * sizeof(float)),
          values_(static_cast<std::size_t>(rows * columns_) * 2),
          scales_(static_cast<std::size_t>(rows * columns_ / kBlockColumns) * sizeof(BlockScale)),
          rows_(static_cast<std::size_t>(rows)) {
        for (std::int64_t row = 0; row < rows; ++row)
            rows_[row] = {floats(row), quantized(row).values, quantized(row).scales};
    }

    // [columns], followed by zeros up to a whole block that must stay zero.
    float* floats(std::int64_t row) { return floats_.as<float>().data() + row * columns_; }

    // Brings the integer form of columns [first, first + count) up to date; whole blocks.
    void quantize(const Kernels& kernels, std::int64_t row, std::int32_t first, std::int32_t count) {
        for (std::int32_t column = first; column < first + count; column += kBlockColumns)
            kernels.quantize_block(floats(row) + column, quantized(row), column / kBlockColumns);
    }
    void quantize(const Kernels& kernels, std::int64_t row) { quantize(kernels, row, 0, columns_); }

    std::span<const ActivationRow> rows(std::int64_t first, std::int64_t count) const {
        return std::span(rows_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    }
    std::int64_t bytes() const {
        return static_cast<std::int64_t>(floats_.size() + values_.size() + scales_.size());
    }

  private:
    QuantizedRow quantized(std::int64_t row) {
        return {values_.data() + row * columns_ * 2,
                scales_.as<BlockScale>().data() + row * (columns_ / kBlockColumns)};
    }

    std::int32_t columns_;
    AlignedBuffer floats_, values_, scales_;
    std::vector<ActivationRow> rows_;
};

}  // namespace gptoss::backend::cpu
