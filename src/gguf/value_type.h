// Ids of the metadata's value types, as files have them (GGUF version 3).
#pragma once

#include <cstdint>

namespace gptoss::gguf {

enum ValueType : std::uint32_t {
    kU8,
    kI8,
    kU16,
    kI16,
    kU32,
    kI32,
    kF32,
    kBool,
    kText,
    kArray,
    kU64,
    kI64,
    kF64,
    kValueTypes
};

}  // namespace gptoss::gguf
