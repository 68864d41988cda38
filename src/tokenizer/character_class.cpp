#include "tokenizer/character_class.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/check.h"

namespace gptoss {

const CharacterClasses& CharacterClasses::instance() {
    static const CharacterClasses classes;
    return classes;
}

CharacterClasses::CharacterClasses() {
    using Block = std::array<std::uint8_t, kBlockSize>;
    std::map<Block, std::uint16_t> seen;
    Block block;
    std::size_t range = 0;
    for (std::uint32_t index = 0; index < blocks_.size(); ++index) {
        for (std::uint32_t i = 0; i < kBlockSize; ++i) {
            const std::uint32_t code_point = index * kBlockSize + i;
            if (range + 1 < kCharacterRanges.size() && kCharacterRanges[range + 1] >> 8 == code_point)
                ++range;
            block[i] = static_cast<std::uint8_t>(kCharacterRanges[range]);
        }
        const auto [entry, added] = seen.try_emplace(block, static_cast<std::uint16_t>(sets_.size()));
        if (added) {
            check(sets_.size() <= std::numeric_limits<std::uint16_t>::max(), "block offsets fit 16 bits");
            sets_.insert(sets_.end(), block.begin(), block.end());
        }
        blocks_[index] = entry->second;
    }
    std::copy_n(sets_.begin() + blocks_[0], ascii_.size(), ascii_.begin());
}

}  // namespace gptoss
