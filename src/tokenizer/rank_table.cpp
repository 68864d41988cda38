#include "tokenizer/rank_table.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss {

static_assert(std::endian::native == std::endian::little, "keys put the first byte lowest");

RankTable::RankTable(std::size_t count) : of_two_bytes_(65536, kNoRank) {
    // At most half full, so that a search ends after one or two slots.
    const std::size_t slots = std::bit_ceil(std::max<std::size_t>(2 * count, 2));
    slots_.resize(slots);
    mask_ = slots - 1;
    shift_ = 64 - std::countr_zero(slots);
    strings_.reserve(count);
    of_byte_.fill(kNoRank);
}

Rank RankTable::insert(std::string_view bytes, Rank rank) {
    check(!bytes.empty(), "an empty string has no rank");
    check(strings_.size() + 1 < slots_.size(), "a search must find a free slot");
    const auto length = static_cast<std::uint32_t>(bytes.size());
    const Rank present = find_known_length(bytes.data(), length);
    if (present != kNoRank) return present;

    const std::uint64_t key = key_of(bytes.data(), length);
    std::size_t i = first_slot(key, length);
    while (slots_[i].length != 0) i = (i + 1) & mask_;
    slots_[i] = {key, length, rank};
    if (strings_.size() <= rank) strings_.resize(rank + std::size_t{1});
    strings_[rank] = bytes;

    longest_ = std::max(longest_, bytes.size());
    const auto byte = [bytes](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    if (length == 1) of_byte_[byte(0)] = rank;
    if (length == 2) of_two_bytes_[static_cast<std::size_t>(byte(0)) << 8 | byte(1)] = rank;
    return kNoRank;
}

}  // namespace gptoss
