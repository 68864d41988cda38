// Constraints with little automata of their own, in every relation to the token in flight.
#pragma once

#include <cstdint>
#include <vector>

#include "base/token_constraint.h"

namespace gptoss::test {

class ToyConstraint final : public TokenConstraint {
  public:
    enum class Kind {
        open,      // allows everything, always
        each,      // another mask after each token: depends on it, and says so
        sections,  // one named mask until a token divisible by 5 comes; it says that steps may be computed
                   // ahead
        unnamed,   // the same, but its masks have no name
        forced,    // another mask after each token; most of them hold one token
        lonely,    // one named mask of one token, for ever; steps may be computed ahead
    };

    ToyConstraint(TokenId vocabulary, Kind kind, std::uint64_t seed)
        : kind_(kind), vocabulary_(vocabulary), state_(seed) {
        make_mask();
    }

    std::span<const std::uint32_t> allowed() override { return mask_; }
    std::uint64_t allowed_id() const override {
        if (kind_ == Kind::lonely) return 8;
        return kind_ == Kind::sections || kind_ == Kind::each ? state_ % 7 + 1 : 0;
    }
    bool depends_on_last_token() const override { return kind_ == Kind::each || kind_ == Kind::forced; }

    void accept(TokenId token) override {
        if (!depends_on_last_token() && (kind_ == Kind::lonely || token % 5 != 0)) return;
        state_ = state_ * 31 + static_cast<std::uint64_t>(token);
        make_mask();
    }

    std::unique_ptr<TokenConstraint> fork() const override { return std::make_unique<ToyConstraint>(*this); }

  private:
    void make_mask() {
        if (kind_ == Kind::open) return;
        mask_.assign((static_cast<std::size_t>(vocabulary_) + 31) / 32, 0);
        if (kind_ == Kind::lonely || (kind_ == Kind::forced && state_ % 5 != 0)) {
            const auto token = static_cast<TokenId>(state_ % static_cast<std::uint64_t>(vocabulary_));
            mask_[token / 32] |= 1U << (token % 32);
            return;
        }
        for (TokenId token = 0; token < vocabulary_; ++token)
            if (static_cast<std::uint64_t>(token) % 7 != state_ % 7) mask_[token / 32] |= 1U << (token % 32);
    }

    Kind kind_;
    TokenId vocabulary_;
    std::uint64_t state_;
    std::vector<std::uint32_t> mask_;
};

}  // namespace gptoss::test
