// How far one text has come in a compiled grammar, token by token. A sequence's own; a copy goes its own way.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/compiled_grammar.h"

namespace gptoss::grammar {

class GrammarMatcher {
  public:
    explicit GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar);

    // The ordinary tokens that may follow. Valid until the next accept().
    const TokenMask& allowed();

    // The bytes of the token that was sampled. Bytes that do not fit end the matching: everything may follow.
    void accept(std::string_view bytes);

    bool may_end() const;         // the text is complete as it stands, or has left the grammar
    bool mask_is_stable() const;  // most tokens that may follow leave the mask as it is

  private:
    std::shared_ptr<const CompiledGrammar> grammar_;
    Progress progress_;
    std::shared_ptr<const TokenMask> mask_;
};

}  // namespace gptoss::grammar
