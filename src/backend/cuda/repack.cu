#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "backend/cuda/memory.h"
#include "backend/cuda/mxfp4_words.h"
#include "backend/cuda/repack.h"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_for(std::int64_t threads) {
    return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}
__device__ std::int64_t thread_index() {
    return std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
}

// Packed weights are read-only for everyone but these kernels.
__device__ std::byte* value_row(const DeviceMatrix& packed, std::int64_t row) {
    return const_cast<std::byte*>(packed.values) + row * packed.value_stride_bytes;
}
__device__ std::byte* scale_row(const DeviceMatrix& packed, std::int64_t row) {
    return const_cast<std::byte*>(packed.scales) + row * packed.scale_stride_bytes;
}

// One thread a block of 32. GGUF blocks of 17 and 34 bytes are aligned to 1 and 2 bytes.
__global__ void split_mxfp4(const std::byte* source, std::int64_t first_row, std::int64_t count,
                            const DeviceMatrix packed, const RowMap map) {
    constexpr int kBlockBytes = 17;
    const std::int64_t blocks = packed.columns / kQuantBlock, index = thread_index();
    if (index >= blocks * count) return;
    const std::byte* from = source + index * kBlockBytes;
    const std::int64_t row = place_of_row(map, first_row + index / blocks), block = index % blocks;
    std::uint32_t words[4] = {};
    for (int i = 0; i < 16; ++i) words[i / 4] |= static_cast<std::uint32_t>(from[1 + i]) << (8 * (i % 4));
    // Zeros stay zeros whatever their scale, as ggml has it: byte 255 would be an infinity here.
    const std::uint32_t magnitudes = (words[0] | words[1] | words[2] | words[3]) & 0x77777777U;
    scale_row(packed, row)[block] = magnitudes == 0 ? std::byte{0} : from[0];
    *reinterpret_cast<uint4*>(value_row(packed, row) + block * 16) = {
        regrouped_mxfp4_word(words[0]), regrouped_mxfp4_word(words[1]), regrouped_mxfp4_word(words[2]),
        regrouped_mxfp4_word(words[3])};
}

__global__ void split_q8_0(const std::byte* source, std::int64_t first_row, std::int64_t count,
                           const DeviceMatrix packed, const RowMap map) {
    constexpr int kBlockBytes = 34;
    const std::int64_t blocks = packed.columns / kQuantBlock, index = thread_index();
    if (index >= blocks * count) return;
    const auto* from = reinterpret_cast<const std::uint16_t*>(source + index * kBlockBytes);
    const std::int64_t row = place_of_row(map, first_row + index / blocks), block = index % blocks;
    reinterpret_cast<std::uint16_t*>(scale_row(packed, row))[block] = from[0];
    auto* to = reinterpret_cast<std::uint16_t*>(value_row(packed, row) + block * kQuantBlock);
    for (int i = 0; i < kQuantBlock / 2; ++i) to[i] = from[1 + i];
}

__device__ float to_float(float value) {
    return value;
}
__device__ float to_float(__half value) {
    return __half2float(value);
}
__device__ float to_float(__nv_bfloat16 value) {
    return __bfloat162float(value);
}

// One thread an element.
template <typename Source>
__global__ void convert_16_bit(const Source* source, std::int64_t first_row, std::int64_t count,
                               const DeviceMatrix packed, const RowMap map) {
    const std::int64_t index = thread_index();
    if (index >= count * packed.columns) return;
    std::byte* row = value_row(packed, place_of_row(map, first_row + index / packed.columns));
    const float value = to_float(source[index]);
    const auto column = index % packed.columns;
    if (packed.type == WeightFormat::bf16)
        reinterpret_cast<__nv_bfloat16*>(row)[column] = __float2bfloat16_rn(value);
    else
        reinterpret_cast<__half*>(row)[column] = __float2half_rn(value);
}

__global__ void transpose_router_kernel(const DeviceLayer layer, int experts, int hidden) {
    const std::int64_t index = thread_index();
    if (index >= std::int64_t{experts} * hidden) return;
    const std::int64_t column = index / experts, expert = index % experts;
    const float value = layer.router[expert * hidden + column];
    if (layer.router_columns_bf16 != nullptr)
        const_cast<std::uint16_t*>(layer.router_columns_bf16)[index] =
            __bfloat16_as_ushort(__float2bfloat16_rn(value));
    else
        const_cast<float*>(layer.router_columns_f32)[index] = value;
}

__device__ std::uint32_t random_bits(std::uint64_t seed, std::int64_t index) {
    std::uint64_t x = seed + 0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(index + 1);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return static_cast<std::uint32_t>(x >> 32);
}
// Uniform in [-1, 1].
__device__ float random_float(std::uint64_t seed, std::int64_t index) {
    return static_cast<float>(static_cast<std::int32_t>(random_bits(seed, index))) * (1.0F / 2147483648.0F);
}

__global__ void fill_words(std::uint32_t* to, std::int64_t count, std::uint64_t seed) {
    for (std::int64_t i = thread_index(); i < count; i += std::int64_t{gridDim.x} * kThreads)
        to[i] = random_bits(seed, i);
}
__global__ void fill_floats(float* to, std::int64_t count, float centre, float width, std::uint64_t seed) {
    const std::int64_t i = thread_index();
    // Rounded to bfloat16, as a published router is.
    if (i < count) to[i] = __bfloat162float(__float2bfloat16_rn(centre + width * random_float(seed, i)));
}
// Scales that make a row of `columns` random weights keep the size of what it is multiplied with.
__global__ void fill_scales(const DeviceMatrix packed, std::uint64_t seed) {
    const std::int64_t blocks = packed.columns / kQuantBlock, index = thread_index();
    if (index >= blocks * packed.rows) return;
    const float size = rsqrtf(static_cast<float>(packed.columns));
    std::byte* scales = scale_row(packed, index / blocks);
    const std::int64_t block = index % blocks;
    if (packed.type == WeightFormat::mxfp4)  // random nibbles have a root mean square of 2.9
        scales[block] = static_cast<std::byte>(127 + static_cast<int>(floorf(log2f(size / 2.9F))) +
                                               static_cast<int>(random_bits(seed, index) % 2));
    else  // random int8 have one of 74
        reinterpret_cast<__half*>(scales)[block] =
            __float2half_rn(size / 74.0F * (1.0F + 0.25F * random_float(seed, index)));
}
__global__ void fill_16_bit(const DeviceMatrix packed, std::uint64_t seed) {
    const std::int64_t index = thread_index();
    if (index >= std::int64_t{packed.rows} * packed.columns) return;
    const float value = 1.7F * rsqrtf(static_cast<float>(packed.columns)) * random_float(seed, index);
    std::byte* row = value_row(packed, index / packed.columns);
    if (packed.type == WeightFormat::bf16)
        reinterpret_cast<__nv_bfloat16*>(row)[index % packed.columns] = __float2bfloat16_rn(value);
    else
        reinterpret_cast<__half*>(row)[index % packed.columns] = __float2half_rn(value);
}

class Filler {
  public:
    Filler(std::uint64_t seed, cudaStream_t stream) : seed_(seed), stream_(stream) {}

    void matrix(const DeviceMatrix& packed) {
        if (packed.type == WeightFormat::mxfp4 || packed.type == WeightFormat::q8_0) {
            const std::int64_t words = packed.rows * packed.value_stride_bytes / 4;
            fill_words<<<2048, kThreads, 0, stream_>>>(
                reinterpret_cast<std::uint32_t*>(const_cast<std::byte*>(packed.values)), words, ++seed_);
            const std::int64_t blocks = std::int64_t{packed.rows} * (packed.columns / kQuantBlock);
            fill_scales<<<blocks_for(blocks), kThreads, 0, stream_>>>(packed, ++seed_);
        } else {
            fill_16_bit<<<blocks_for(std::int64_t{packed.rows} * packed.columns), kThreads, 0, stream_>>>(
                packed, ++seed_);
        }
        cuda_check(cudaGetLastError());
    }
    void floats(const float* to, std::int64_t count, float centre, float width) {
        fill_floats<<<blocks_for(count), kThreads, 0, stream_>>>(const_cast<float*>(to), count, centre, width,
                                                                 ++seed_);
        cuda_check(cudaGetLastError());
    }

  private:
    std::uint64_t seed_;
    cudaStream_t stream_;
};

}  // namespace

void repack_rows(gguf::TensorType source_type, const std::byte* source, std::int64_t first_row,
                 std::int64_t count, const DeviceMatrix& packed, const RowMap& map, cudaStream_t stream) {
    using gguf::TensorType;
    const std::int64_t elements = count * packed.columns;
    const unsigned by_block = blocks_for(elements / kQuantBlock), by_element = blocks_for(elements);
    switch (source_type) {
        case TensorType::MXFP4:
            check(packed.type == WeightFormat::mxfp4, "mxfp4 rows are packed as mxfp4");
            split_mxfp4<<<by_block, kThreads, 0, stream>>>(source, first_row, count, packed, map);
            break;
        case TensorType::Q8_0:
            check(packed.type == WeightFormat::q8_0, "q8_0 rows are packed as q8_0");
            split_q8_0<<<by_block, kThreads, 0, stream>>>(source, first_row, count, packed, map);
            break;
        case TensorType::F16:
            convert_16_bit<<<by_element, kThreads, 0, stream>>>(reinterpret_cast<const __half*>(source),
                                                                first_row, count, packed, map);
            break;
        case TensorType::BF16:
            convert_16_bit<<<by_element, kThreads, 0, stream>>>(
                reinterpret_cast<const __nv_bfloat16*>(source), first_row, count, packed, map);
            break;
        case TensorType::F32:
            convert_16_bit<<<by_element, kThreads, 0, stream>>>(reinterpret_cast<const float*>(source),
                                                                first_row, count, packed, map);
            break;
        default:
            check(false, "rows of a type that must be dequantised first");
    }
    cuda_check(cudaGetLastError());
}

void transpose_router(const DeviceLayer& layer, std::int32_t experts, std::int32_t hidden,
                      cudaStream_t stream) {
    transpose_router_kernel<<<blocks_for(std::int64_t{experts} * hidden), kThreads, 0, stream>>>(
        layer, experts, hidden);
    cuda_check(cudaGetLastError());
}

void fill_synthetic(const DeviceWeights& weights, std::uint64_t seed, cudaStream_t stream) {
    const model::Hyperparameters& shape = weights.shape;
    Filler fill(seed * 1000003, stream);
    fill.matrix(weights.embedding);
    fill.matrix(weights.lm_head);
    fill.floats(weights.output_norm, shape.hidden, 1.0F, 0.1F);
    const std::int64_t router_size = std::int64_t{shape.experts} * shape.hidden;
    for (const DeviceLayer& layer : weights.layers) {
        fill.floats(layer.attention_norm, shape.hidden, 1.0F, 0.1F);
        fill.matrix(layer.qkv);
        fill.floats(layer.qkv_bias, layer.qkv.rows, 0, 0.1F);
        fill.floats(layer.sinks, shape.query_heads, 0, 1.0F);
        fill.matrix(layer.output);
        fill.floats(layer.output_bias, shape.hidden, 0, 0.1F);
        fill.floats(layer.expert_norm, shape.hidden, 1.0F, 0.1F);
        fill.floats(layer.router, router_size, 0, 0.06F);
        fill.floats(layer.router_bias, shape.experts, 0, 0.1F);
        transpose_router(layer, shape.experts, shape.hidden, stream);
        fill.matrix(layer.gate_up);
        fill.floats(layer.gate_up_bias, layer.gate_up.rows, 0, 0.1F);
        fill.matrix(layer.down);
        fill.floats(layer.down_bias, router_size, 0, 0.1F);
    }
}

}  // namespace gptoss::backend::cuda
