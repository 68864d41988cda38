// What one message's content must look like, and how far it has come. Rules are shared; progress is a
// sequence's own.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/token_mask.h"

namespace gptoss::grammar {

class ContentProgress {
  public:
    virtual ~ContentProgress() = default;

    // The ordinary tokens that may follow. Valid until the next accept().
    virtual const TokenMask& allowed() = 0;

    // The bytes of the token that was sampled. Bytes that do not fit end the rule: everything may follow.
    virtual void accept(std::string_view bytes) = 0;

    virtual bool may_end() const = 0;         // the content is complete as it stands
    virtual bool mask_is_stable() const = 0;  // most tokens that may follow leave the mask as it is
};

class ContentRule {
  public:
    virtual ~ContentRule() = default;
    virtual std::unique_ptr<ContentProgress> begin() const = 0;
};

}  // namespace gptoss::grammar
