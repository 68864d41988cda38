// What may be said next. The engine asks before each sampled token and reports each token back; the harmony
// automaton and the JSON grammars answer. Kept here because the engine must not know harmony, nor harmony the
// engine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/types.h"

namespace gptoss {

class TokenConstraint {
  public:
    virtual ~TokenConstraint() = default;

    // One bit a token, (vocabulary + 31) / 32 words, bit set = allowed. Empty = every token may follow.
    // The span stays valid until the next accept().
    virtual std::span<const std::uint32_t> allowed() = 0;

    // Names the mask that allowed() gives now: equal non-zero ids mean equal masks, for as long as the
    // program runs. Lets a device keep masks it has seen, and lets the engine tell that a mask has not
    // changed. 0 = it has no name.
    virtual std::uint64_t allowed_id() const { return 0; }

    // The token that was sampled. Never fails: a token outside allowed() moves to the most sensible state.
    virtual void accept(TokenId token) = 0;

    // True when the mask after the token being sampled now is likely to be another one, so the engine waits
    // for that token before it prepares the next step. False lets the next step be computed ahead under the
    // present mask (which must be empty or have an id). Should the token change the mask after all (a message
    // ends inside plain text), the engine sees another id after accept(), and samples that step again.
    virtual bool depends_on_last_token() const = 0;

    // A constraint of its own at the same place: what is accepted there changes nothing here.
    virtual std::unique_ptr<TokenConstraint> fork() const = 0;
};

}  // namespace gptoss
