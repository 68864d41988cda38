#include <cuda_fp16.h>

#include "qualify/spoil.h"

namespace gptoss::test {
namespace {

constexpr std::int32_t kThreads = 128, kDeep = 65'536;

__device__ float value_at(const Result& result, std::int64_t at) {
    return result.is_float32 ? static_cast<const float*>(result.data)[at]
                             : __half2float(static_cast<const __half*>(result.data)[at]);
}

__device__ void set_value(const Result& result, std::int64_t at, float value) {
    if (result.is_float32)
        static_cast<float*>(result.data)[at] = value;
    else
        static_cast<__half*>(result.data)[at] = __float2half(value);
}

// One block a row.
template <typename Change>
__global__ void change_values(Result result, Change change) {
    const auto row = static_cast<std::int32_t>(blockIdx.x);
    for (std::int32_t column = threadIdx.x; column < result.columns; column += kThreads) {
        const std::int64_t at = row * result.stride + column;
        const float value = value_at(result, at), changed = change(row, column, value);
        if (!(changed == value)) set_value(result, at, changed);
    }
}

template <typename Change>
void launch_change(const Result& result, cudaStream_t stream, Change change) {
    if (result.rows > 0) change_values<<<result.rows, kThreads, 0, stream>>>(result, change);
}

// Every value passes through another warp's place in shared memory. Between write and read a __syncthreads()
// is missing; odd warps come a little later, now more and now less.
__global__ void pass_through_shared_memory(Result result) {
    __shared__ float values[kThreads];
    for (std::int32_t first = 0; first < result.columns; first += kThreads) {
        const std::int64_t row_begin = blockIdx.x * result.stride;
        const std::int32_t mine = first + static_cast<std::int32_t>(threadIdx.x);
        const std::int32_t other = first + static_cast<std::int32_t>(threadIdx.x ^ 32);
        const bool whole = first + kThreads <= result.columns;
        values[threadIdx.x] = 0;
        __syncthreads();
        const float value = whole ? value_at(result, row_begin + mine) : 0;
        const long long begin = clock64();
        while ((threadIdx.x & 32) != 0 && clock64() - begin < (begin & 63)) {
        }
        values[threadIdx.x] = value;
        const float passed = static_cast<volatile float*>(values)[threadIdx.x ^ 32];
        __syncthreads();
        if (whole) set_value(result, row_begin + other, passed);
    }
}

__global__ void add_rows_behind(Result result) {
    const std::int64_t row = blockIdx.x * result.stride;
    for (std::int32_t column = threadIdx.x; column < result.columns; column += kThreads)
        set_value(
            result, row + column,
            value_at(result, row + column) + value_at(result, row + column + result.rows * result.stride));
}

__global__ void write_to_address_8() {
    *reinterpret_cast<volatile int*>(8) = 1;
}

__global__ void scale_deep_segments(backend::cuda::PrefillAttention attention) {
    const backend::cuda::PrefillSegment segment = attention.segments[blockIdx.x];
    const std::int32_t width = attention.query_heads * backend::cuda::kHeadSize;
    for (std::int32_t row = 0; row < segment.row_count; ++row) {
        if (segment.first_position + row <= kDeep) continue;
        __half* values = attention.output + static_cast<std::int64_t>(segment.first_row + row) * width;
        for (std::int32_t column = threadIdx.x; column < width; column += kThreads)
            values[column] = __float2half(__half2float(values[column]) * 1.5F);
    }
}

__global__ void scale_deep_rows(backend::cuda::DecodeContext context) {
    if (context.inputs[blockIdx.x].position <= kDeep) return;
    const std::int32_t width = context.query_heads * backend::cuda::kHeadSize;
    auto* values = reinterpret_cast<__half*>(context.buffers.attention) + std::int64_t{blockIdx.x} * width;
    for (std::int32_t column = threadIdx.x; column < width; column += kThreads)
        values[column] = __float2half(__half2float(values[column]) * 1.5F);
}

__global__ void negate_keys(backend::cuda::DecodeContext context, backend::cuda::KvPool pool,
                            std::int32_t pool_layer) {
    const backend::cuda::RowInput row = context.inputs[blockIdx.x];
    const std::int64_t block =
        context.tables.full[row.slot * context.tables.table_stride + row.position / model::kBlockTokens];
    auto* keys = reinterpret_cast<std::uint16_t*>(pool.data) + pool_layer * pool.layer_elements() +
                 block * pool.block_elements() +
                 std::int64_t{row.position % model::kBlockTokens} * pool.head_size;
    for (std::int32_t head = 0; head < pool.kv_heads; ++head)
        if (threadIdx.x < pool.head_size) keys[head * pool.tile_elements() + threadIdx.x] ^= 0x8000;
}

}  // namespace

void spoil_lane(const Result& result, cudaStream_t stream) {
    launch_change(result, stream, [] __device__(std::int32_t, std::int32_t column, float value) {
        return column % 32 == 5 ? 2 * value : value;
    });
}

void spoil_by_race(const Result& result, cudaStream_t stream) {
    if (result.rows > 0) pass_through_shared_memory<<<result.rows, kThreads, 0, stream>>>(result);
}

void spoil_tile(const Result& result, cudaStream_t stream) {
    launch_change(result, stream, [] __device__(std::int32_t row, std::int32_t column, float value) {
        return row < 64 && column >= 64 && column < 128 ? 0 : value;
    });
}

void spoil_rarely(const Result& result, cudaStream_t stream) {
    launch_change(result, stream, [] __device__(std::int32_t, std::int32_t column, float value) {
        return column == 0 && (__float_as_uint(value) >> 13 & 0xFF) == 0x55 ? __int_as_float(0x7FFFFFFF)
                                                                            : value;
    });
}

void spoil_by_what_was_there(const Result& result, cudaStream_t stream) {
    if (result.rows > 0) add_rows_behind<<<result.rows, kThreads, 0, stream>>>(result);
}

void write_nowhere(cudaStream_t stream) {
    write_to_address_8<<<1, 1, 0, stream>>>();
}

void spoil_deep_rows(const backend::cuda::PrefillAttention& attention, cudaStream_t stream) {
    if (attention.segment_count > 0)
        scale_deep_segments<<<attention.segment_count, kThreads, 0, stream>>>(attention);
}

void spoil_deep_rows(const backend::cuda::DecodeContext& context, cudaStream_t stream) {
    scale_deep_rows<<<context.rows, kThreads, 0, stream>>>(context);
}

void spoil_keys(const backend::cuda::DecodeContext& context, const backend::cuda::LayerStage& stage,
                cudaStream_t stream) {
    negate_keys<<<context.rows, kThreads, 0, stream>>>(context, stage.pool, stage.pool_layer);
}

}  // namespace gptoss::test
