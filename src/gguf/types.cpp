#include "gguf/types.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::gguf {
namespace {

struct Row {
    TensorType type;
    TypeTraits traits;
};

constexpr Row kTypes[] = {
    {TensorType::F32, {"F32", 1, 4}},
    {TensorType::F16, {"F16", 1, 2}},
    {TensorType::Q4_0, {"Q4_0", 32, 18}},
    {TensorType::Q4_1, {"Q4_1", 32, 20}},
    {TensorType::Q5_0, {"Q5_0", 32, 22}},
    {TensorType::Q5_1, {"Q5_1", 32, 24}},
    {TensorType::Q8_0, {"Q8_0", 32, 34}},
    {TensorType::Q2_K, {"Q2_K", 256, 84}},
    {TensorType::Q3_K, {"Q3_K", 256, 110}},
    {TensorType::Q4_K, {"Q4_K", 256, 144}},
    {TensorType::Q5_K, {"Q5_K", 256, 176}},
    {TensorType::Q6_K, {"Q6_K", 256, 210}},
    {TensorType::IQ2_XXS, {"IQ2_XXS", 256, 66}},
    {TensorType::IQ2_XS, {"IQ2_XS", 256, 74}},
    {TensorType::IQ3_XXS, {"IQ3_XXS", 256, 98}},
    {TensorType::IQ1_S, {"IQ1_S", 256, 50}},
    {TensorType::IQ4_NL, {"IQ4_NL", 32, 18}},
    {TensorType::IQ3_S, {"IQ3_S", 256, 110}},
    {TensorType::IQ2_S, {"IQ2_S", 256, 82}},
    {TensorType::IQ4_XS, {"IQ4_XS", 256, 136}},
    {TensorType::IQ1_M, {"IQ1_M", 256, 56}},
    {TensorType::BF16, {"BF16", 1, 2}},
    {TensorType::TQ1_0, {"TQ1_0", 256, 54}},
    {TensorType::TQ2_0, {"TQ2_0", 256, 66}},
    {TensorType::MXFP4, {"MXFP4", 32, 17}},
};

// What ggml can write into a file and this node does not read.
constexpr struct {
    std::uint32_t id;
    std::string_view name;
} kOthers[] = {{9, "Q8_1"},        {15, "Q8_K"},       {24, "I8"},    {25, "I16"},
               {26, "I32"},        {27, "I64"},        {28, "F64"},   {31, "Q4_0_4_4"},
               {32, "Q4_0_4_8"},   {33, "Q4_0_8_8"},   {40, "NVFP4"}, {36, "IQ4_NL_4_4"},
               {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}, {41, "Q1_0"},  {42, "Q2_0"}};

const Row* find_row(std::uint32_t id) {
    const auto row = std::ranges::find(kTypes, static_cast<TensorType>(id), &Row::type);
    return row == std::end(kTypes) ? nullptr : row;
}

}  // namespace

std::optional<TensorType> tensor_type_from_id(std::uint32_t id) {
    const Row* row = find_row(id);
    return row ? std::optional(row->type) : std::nullopt;
}

const TypeTraits& traits(TensorType type) {
    const Row* row = find_row(static_cast<std::uint32_t>(type));
    check(row != nullptr, "a TensorType outside its enum");
    return row->traits;
}

std::string_view ggml_type_name(std::uint32_t id) {
    if (const Row* row = find_row(id)) return row->traits.name;
    for (const auto& other : kOthers)
        if (other.id == id) return other.name;
    return "unknown";
}

}  // namespace gptoss::gguf
