// How every token of the vocabulary reads inside a JSON string. The same for all schemas, and most of the
// work of their masks, so it is done once for a vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "grammar/string_lexer.h"
#include "grammar/token_mask.h"
#include "grammar/vocabulary_trie.h"

namespace gptoss::grammar {

// Tokens by what they do when they are read in one state of the string's lexer.
struct StringTokens {
    struct Counted {
        std::uint32_t characters;  // complete ones; for `inside`, one more for a character that was begun
        TokenId token;
    };
    struct Exit {
        std::string_view rest;  // behind the closing quote
        std::vector<Counted> tokens;
    };
    explicit StringTokens(std::int32_t vocabulary) : all_inside(vocabulary) {}

    TokenMask all_inside;         // tokens that leave the string open
    std::vector<Counted> inside;  // the same, most characters first
    std::vector<Exit> exits;      // tokens that close it, by what they say behind it
};

class StringTokenTables {
  public:
    StringTokenTables(const Tokenizer& tokenizer, std::shared_ptr<const VocabularyTrie> trie);

    // Made when first asked for.
    const StringTokens& from(string_lexer::State state) const;

  private:
    std::unique_ptr<StringTokens> make(string_lexer::State from) const;

    const Tokenizer& tokenizer_;
    std::shared_ptr<const VocabularyTrie> trie_;
    mutable std::mutex mutex_;
    mutable std::array<std::unique_ptr<StringTokens>, string_lexer::kStates> tables_;
};

}  // namespace gptoss::grammar
