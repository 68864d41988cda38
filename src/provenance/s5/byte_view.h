// What the files of this room mean by bytes. Text forms of bytes: multibase.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace gptoss::provenance::s5 {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using Bytes32 = std::array<std::uint8_t, 32>;  // a hash, a seed or a key

inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes joined(std::initializer_list<ByteView> parts) {
    Bytes all;
    for (const ByteView part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

// Little endian, in exactly `count` bytes (at most 32; what does not fit in 64 bits is zero).
inline Bytes little_endian(std::uint64_t value, std::size_t count) {
    Bytes bytes(count);
    for (std::size_t i = 0; i < count && i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return bytes;
}
// At most eight bytes.
inline std::uint64_t from_little_endian(ByteView bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
    return value;
}

inline Bytes32 bytes32_of(ByteView bytes) {  // exactly 32
    Bytes32 out{};
    for (std::size_t i = 0; i < out.size() && i < bytes.size(); ++i) out[i] = bytes[i];
    return out;
}

}  // namespace gptoss::provenance::s5
