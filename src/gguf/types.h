// The tensor types found in gpt-oss GGUF files, with their block sizes. Ids and names are ggml's (ggml.h,
// enum ggml_type).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gptoss::gguf {

enum class TensorType : std::uint32_t {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
};

struct TypeTraits {
    std::string_view name;
    std::uint32_t block_elements;  // elements in a block; the row length must be a multiple of it
    std::uint32_t block_bytes;
};

// Nothing for a number that is not one of the types above.
std::optional<TensorType> tensor_type_from_id(std::uint32_t id);
const TypeTraits& traits(TensorType type);

// ggml's name of any id, also of those that are not read here; "unknown" for a number it does not use.
std::string_view ggml_type_name(std::uint32_t id);

}  // namespace gptoss::gguf
