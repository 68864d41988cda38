// Residual rows, normalised, as a consumer's share of the operands of a stream of whole tiles (row_tile_stream.cuh).
#pragma once

#include "backend/cuda/row_tile_stream.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {

// The gains that a consumer of a `Stream` (row_tile_stream.cuh) multiplies its share of a row with.
template <typename Stream>
__device__ void load_gains(float4 (&gains)[2 * Stream::kSteps], const float* from) {
    const int column = Stream::first_block() * kQuantBlock + Stream::lane() % 4 * 4;
#pragma unroll
    for (int i = 0; i < 2 * Stream::kSteps; ++i)
        gains[i] = __ldg(reinterpret_cast<const float4*>(from + column + i * 16));
}
// Its share of the step's only row, normalised.
template <typename Stream>
__device__ void load_normalised(typename Stream::Operands& operands, const DecodeContext& context,
                                const long long* square, const float4 (&gains)[2 * Stream::kSteps]) {
    const int column = Stream::first_block() * kQuantBlock + Stream::lane() % 4 * 4;
    float4 values[2 * Stream::kSteps];
#pragma unroll
    for (int i = 0; i < 2 * Stream::kSteps; ++i)
        values[i] = __ldcg(reinterpret_cast<const float4*>(context.buffers.residual + column + i * 16));
    const float factor = factor_of_squares(__ldcg(square), Stream::kColumns, context.epsilon);
#pragma unroll
    for (int step = 0; step < Stream::kSteps; ++step)
        operands[step] = Stream::operands_of(normalised(values[2 * step], factor, gains[2 * step]),
                                             normalised(values[2 * step + 1], factor, gains[2 * step + 1]));
}

// Rows of the residual, normalised, as a consumer's share of the operands of a `Stream`; the rows behind the last repeat it.
// `first_square` is row 0's sum of squares.
template <typename Stream, int kGroups>
__device__ void load_normalised_rows(typename Stream::Operands (&operands)[kGroups],
                                     const DecodeContext& context, const long long* first_square,
                                     const float* gains) {
    const int column = Stream::first_block() * kQuantBlock + Stream::lane() % 4 * 4;
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
        const int row = min(group * 4 + Stream::lane() / 8, context.rows - 1);
        const float* residual = context.buffers.residual + row * context.hidden + column;
        float4 values[2 * Stream::kSteps];
#pragma unroll
        for (int i = 0; i < 2 * Stream::kSteps; ++i)
            values[i] = __ldcg(reinterpret_cast<const float4*>(residual + i * 16));
        const float factor = factor_of_squares(__ldcg(first_square + row * context.buffers.sums.stride()),
                                               Stream::kColumns, context.epsilon);
#pragma unroll
        for (int step = 0; step < Stream::kSteps; ++step) {
            const auto gain = [&](int i) {
                return __ldg(reinterpret_cast<const float4*>(gains + column + i * 16));
            };
            operands[group][step] =
                Stream::operands_of(normalised(values[2 * step], factor, gain(2 * step)),
                                    normalised(values[2 * step + 1], factor, gain(2 * step + 1)));
        }
    }
}

// The same as the operand of multiply_wide_tile(), which has a column for each of eight rows. Half of the share is asked for
// at once, the other half only when that is there: so many registers are free.
template <typename Stream>
class WideRowShare {
  public:
    __device__ void ask(const DecodeContext& context, const long long* first_square) {
        const int row = min(Stream::lane() / 4, context.rows - 1);
        column_ = Stream::warp() * Stream::kSliceBlocks * kQuantBlock + Stream::lane() % 4 * 4;
        residual_ = context.buffers.residual + row * context.hidden + column_;
        square_ = __ldcg(first_square + row * context.buffers.sums.stride());
        ask(0);
    }
    __device__ void to_operands(typename Stream::WideOperands& operands, const DecodeContext& context,
                                const float* gains) {
        const float factor = factor_of_squares(square_, Stream::kColumns, context.epsilon);
#pragma unroll
        for (int first = 0; first < Stream::kSliceBlocks; first += kAtOnce) {
            if (first > 0) ask(first);
#pragma unroll
            for (int i = 0; i < kAtOnce; ++i) {
                const auto gain = [&](int half) {
                    return __ldg(
                        reinterpret_cast<const float4*>(gains + column_ + (2 * (first + i) + half) * 16));
                };
                operands[first + i] = Stream::operands_of(normalised(values_[2 * i], factor, gain(0)),
                                                          normalised(values_[2 * i + 1], factor, gain(1)));
            }
        }
    }

  private:
    static constexpr int kAtOnce = Stream::kSliceBlocks / 2;
    __device__ void ask(int first) {
#pragma unroll
        for (int i = 0; i < 2 * kAtOnce; ++i)
            values_[i] = __ldcg(reinterpret_cast<const float4*>(residual_ + (2 * first + i) * 16));
    }

    int column_;
    const float* residual_;
    long long square_;
    float4 values_[2 * kAtOnce];
};

}  // namespace gptoss::backend::cuda
