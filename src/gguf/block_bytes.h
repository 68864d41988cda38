// How the block layouts read their bytes. For dequantize.cpp and the files that share its work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gguf/numbers.h"

namespace gptoss::gguf {

inline std::uint8_t u8(const std::byte* bytes, std::size_t index) {
    return static_cast<std::uint8_t>(bytes[index]);
}
inline std::int8_t i8(const std::byte* bytes, std::size_t index) {
    return static_cast<std::int8_t>(bytes[index]);
}
inline std::uint32_t load_u32(const std::byte* bytes) {
    std::uint32_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}
inline float half(const std::byte* bytes, std::size_t index) {
    return float_from_half(load_u16(bytes + index));
}
inline int low(std::uint8_t byte) {
    return byte & 15;
}
inline int high(std::uint8_t byte) {
    return byte >> 4;
}

}  // namespace gptoss::gguf
