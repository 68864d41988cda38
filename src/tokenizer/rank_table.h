// Byte string -> rank, for the lookups that merging consists of. Most of them miss, so a miss must be cheap:
// an open-addressing table whose slots hold strings of up to eight bytes whole and a hash of longer ones.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace gptoss {

using Rank = std::uint32_t;  // the token's id
inline constexpr Rank kNoRank = UINT32_MAX;

class RankTable {
  public:
    // Room for `count` strings. Strings are not copied: what they view must outlive the table.
    explicit RankTable(std::size_t count);

    // Returns the rank already there, or kNoRank when the string was new and is now `rank`. Strings are not
    // empty.
    Rank insert(std::string_view bytes, Rank rank);

    Rank find(std::string_view bytes) const {
        if (bytes.size() > longest_) return kNoRank;
        return find_known_length(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
    }
    Rank find_byte(unsigned char byte) const { return of_byte_[byte]; }
    // The two bytes at `bytes`.
    Rank find_two(const char* bytes) const {
        const auto first = static_cast<unsigned char>(bytes[0]);
        const auto second = static_cast<unsigned char>(bytes[1]);
        return of_two_bytes_[first << 8U | second];
    }

    std::size_t longest() const { return longest_; }  // bytes of the longest string

  private:
    struct Slot {
        std::uint64_t key = 0;
        std::uint32_t length = 0;  // 0 = free
        Rank rank = kNoRank;
    };
    static_assert(sizeof(Slot) == 16, "four slots a cache line");

    static std::uint64_t load(const char* bytes, std::size_t count) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes, count);
        return value;
    }

    // Up to eight bytes: the bytes themselves, in fixed-width loads that may overlap. Longer: a hash of them.
    static std::uint64_t key_of(const char* bytes, std::uint32_t length) {
        if (length > 8) return hash_of(bytes, length);
        if (length >= 4) return load(bytes, 4) | load(bytes + length - 4, 4) << (8 * (length - 4));
        if (length >= 2) return load(bytes, 2) | load(bytes + length - 2, 2) << (8 * (length - 2));
        return static_cast<unsigned char>(*bytes);
    }
    static std::uint64_t hash_of(const char* bytes, std::uint32_t length) {
        std::uint64_t hash = length;
        for (std::uint32_t i = 0; i + 8 < length; i += 8) hash = mix(hash ^ load(bytes + i, 8));
        return mix(hash ^ load(bytes + length - 8, 8));
    }
    static std::uint64_t mix(std::uint64_t value) {
        value *= 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio: spreads low bits upwards
        return value ^ value >> 32;    // and high bits back down
    }
    std::size_t first_slot(std::uint64_t key, std::uint32_t length) const {
        return mix(key + length) * 0x9E3779B97F4A7C15U >> shift_;
    }

    Rank find_known_length(const char* bytes, std::uint32_t length) const {
        const std::uint64_t key = key_of(bytes, length);
        for (std::size_t i = first_slot(key, length);; i = (i + 1) & mask_) {
            const Slot& slot = slots_[i];
            if (slot.key == key && slot.length == length &&
                (length <= 8 || std::memcmp(strings_[slot.rank].data(), bytes, length) == 0))
                return slot.rank;
            if (slot.length == 0) return kNoRank;
        }
    }

    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
    int shift_ = 0;
    std::size_t longest_ = 0;
    std::vector<std::string_view> strings_;  // by rank
    std::array<Rank, 256> of_byte_;
    std::vector<Rank> of_two_bytes_;
};

}  // namespace gptoss
