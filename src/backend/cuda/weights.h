// Packed weights in device memory: values and scales apart, both row-major, so that every row starts on 16 bytes and a
// kernel can stream whole rows with 16-byte loads.
//
//   type    values, bytes a row                  scales, bytes a row (padded to 16)
//   mxfp4   columns / 2: GGUF's words, the bits   columns / 32 e8m0 bytes: 2^(e - 127)
//           of each regrouped (mxfp4_words.h)
//   q8_0    columns, int8                        columns / 32 float16
//   f16     2 * columns                          none
//   bf16    2 * columns                          none
//
// Any other type of the file becomes one of these at upload: F32 that holds bfloat16 values, and BF16, become
// bf16; F16, F32 and the k-quants become f16. Reading up to kSlackBytes beyond the last row is legal.
//
// Row orders that differ from the file:
//   qkv      query rows, then key rows, then value rows. Inside a query or key head, row 2i is the file's row
//            i and row 2i + 1 its row i + head_size / 2: the two values a rotation mixes are neighbours. The
//            K cache keeps this order too; a dot product does not mind. Value heads keep the file's order.
//   gate_up  row 2r of an expert is row r of gate, row 2r + 1 row r of up: the halves of a SwiGLU are
//   neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/cuda/memory.h"
#include "backend/kernel_choice.h"
#include "model/hyperparameters.h"
#include "model/layer_range.h"

namespace gptoss::backend::cuda {

enum class WeightFormat : std::uint8_t { mxfp4, q8_0, f16, bf16 };

inline constexpr std::int32_t kQuantBlock = 32;  // elements that share a scale, in mxfp4 and q8_0
// What the kernels are written for; checked when weights are loaded.
inline constexpr std::int32_t kHeadSize = 64;
inline constexpr std::int32_t kMaxExperts = 128;
inline constexpr std::int32_t kMaxGroupHeads = 8;  // query heads that share a key head
inline constexpr std::int64_t kSlackBytes = 1 << 20;

constexpr std::int64_t value_bytes_a_row(WeightFormat type, std::int64_t columns) {
    return type == WeightFormat::mxfp4 ? columns / 2 : type == WeightFormat::q8_0 ? columns : columns * 2;
}

constexpr std::int64_t scale_bytes_a_row(WeightFormat type, std::int64_t columns) {
    const std::int64_t blocks = columns / kQuantBlock;
    const std::int64_t bytes = type == WeightFormat::mxfp4  ? blocks
                               : type == WeightFormat::q8_0 ? blocks * 2
                                                            : 0;
    return (bytes + 15) / 16 * 16;
}

// `rows` counts all experts' rows for a stack of experts: expert e starts at row e * (rows / experts).
// Plain data: passed by value to kernels.
struct DeviceMatrix {
    WeightFormat type = WeightFormat::bf16;
    std::int32_t rows = 0;  // padded up to a multiple of 8 with zero rows for lm_head
    std::int32_t columns = 0;
    std::int64_t value_stride_bytes = 0;
    std::int64_t scale_stride_bytes = 0;
    const std::byte* values = nullptr;
    const std::byte* scales = nullptr;
};

struct DeviceLayer {
    const float* attention_norm = nullptr;  // [hidden]
    DeviceMatrix qkv;                       // [query_width + 2 * kv_width][hidden]
    const float* qkv_bias = nullptr;        // in the order of qkv's rows
    const float* sinks = nullptr;           // [query_heads]
    DeviceMatrix output;                    // [hidden][query_width]
    const float* output_bias = nullptr;     // [hidden]
    const float* expert_norm = nullptr;     // [hidden]
    const float* router = nullptr;          // [experts][hidden], float32 as in the file
    // The same transposed, [hidden][experts], in bfloat16: what a block that owns some of the residual's rows
    // needs to add its share to every expert's logit. Null when the router is not exact in bfloat16.
    const std::uint16_t* router_columns_bf16 = nullptr;
    const float* router_columns_f32 = nullptr;  // the same in float32 when the other is null
    const float* router_bias = nullptr;         // [experts]
    DeviceMatrix gate_up;                       // [experts * 2 * intermediate_size][hidden]
    const float* gate_up_bias = nullptr;        // [experts][2 * intermediate_size], interleaved like the rows
    DeviceMatrix down;                          // [experts * hidden][intermediate_size]
    const float* down_bias = nullptr;           // [experts][hidden]
};

// Owns the memory of all matrices.
struct DeviceWeights {
    model::Hyperparameters shape;
    model::LayerRange range;             // layers that are here: the last ones, or all
    DeviceMatrix embedding;              // [vocabulary][hidden]; nothing when the first layer is not here
    std::vector<DeviceLayer> layers;     // of the model; nothing for those outside the range
    const float* output_norm = nullptr;  // [hidden]
    DeviceMatrix lm_head;                // [vocabulary padded to 8][hidden]
    std::vector<DeviceMemory> memory;
    std::int64_t bytes = 0;
    KernelChoice kernels;  // what `qualify` found right and fast for these weights on this card
};

}  // namespace gptoss::backend::cuda
