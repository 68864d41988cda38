// What may be said next. The engine asks before each sampled token and reports each token back; the harmony
// automaton and the JSON grammars answer. Kept here because the engine must not know harmony, nor harmony the
// engine.
#pragma once

#include <cstdint>
#include <span>

#include "base/types.h"

namespace gptoss {

class TokenConstraint {
  public:
    virtual ~TokenConstraint() = default;

    // One bit a token, (vocabulary + 31) / 32 words, bit set = allowed. Empty = every token may follow.
    // The span stays valid until the next accept().
    virtual std::span<const std::uint32_t> allowed() = 0;

    // The token that was sampled. Never fails: a token outside allowed() moves to the most sensible state.
    virtual void accept(TokenId token) = 0;

    // True when the next mask depends on the token being sampled now, so the engine must wait for it before
    // it prepares the next step. False lets the step be pipelined under the mask of the present state.
    virtual bool depends_on_last_token() const = 0;
};

}  // namespace gptoss
