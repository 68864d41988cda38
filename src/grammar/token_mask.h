// Sets of tokens as the sampler takes them: one bit a token.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace gptoss::grammar {

// A name for a mask, never 0 and never given twice (TokenConstraint::allowed_id).
inline std::uint64_t next_mask_id() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

class TokenMask {
  public:
    explicit TokenMask(std::int32_t vocabulary) : words_((static_cast<std::size_t>(vocabulary) + 31) / 32) {}

    // Ids below 0 stand for markers that the vocabulary lacks.
    void allow(TokenId token) {
        if (token >= 0) words_[static_cast<std::size_t>(token) / 32] |= std::uint32_t{1} << (token % 32);
    }
    void forbid(TokenId token) {
        if (token >= 0) words_[static_cast<std::size_t>(token) / 32] &= ~(std::uint32_t{1} << (token % 32));
    }
    bool allows(TokenId token) const {
        return (words_[static_cast<std::size_t>(token) / 32] >> (token % 32) & 1) != 0;
    }
    void allow_all(const TokenMask& other) {
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    }

    const std::vector<std::uint32_t>& words() const { return words_; }
    std::uint64_t id() const { return id_; }  // shared by copies: name a copy anew before changing it
    void rename() { id_ = next_mask_id(); }

  private:
    std::vector<std::uint32_t> words_;
    std::uint64_t id_ = next_mask_id();
};

}  // namespace gptoss::grammar
