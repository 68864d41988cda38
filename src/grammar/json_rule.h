// A JSON grammar as the rule of a message's content: which tokens may follow, at each place of the text.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "grammar/content_rule.h"
#include "grammar/json_grammar.h"
#include "grammar/progress_table.h"
#include "grammar/string_tokens.h"
#include "grammar/vocabulary_trie.h"

namespace gptoss::grammar {

// What grammars of one vocabulary share.
struct JsonVocabulary {
    const Tokenizer* tokenizer = nullptr;
    std::shared_ptr<const VocabularyTrie> trie;
    std::shared_ptr<const StringTokenTables> strings;
    std::shared_ptr<const TokenMask> ordinary;
};

class JsonRule : public ContentRule, public std::enable_shared_from_this<JsonRule> {
  public:
    JsonRule(JsonVocabulary vocabulary, JsonGrammar grammar);

    std::unique_ptr<ContentProgress> begin() const override;

    const JsonGrammar& grammar() const { return grammar_; }
    const TokenMask& ordinary() const { return *vocabulary_.ordinary; }

    // Kept for the places seen lately: the same place comes again with every item of a list.
    std::shared_ptr<const TokenMask> mask(const JsonGrammar::Progress& progress) const;

  private:
    // Tokens read in one state of a leaf.
    struct LeafTokens {
        explicit LeafTokens(std::int32_t vocabulary) : inside(vocabulary) {}
        TokenMask inside;  // tokens that are read whole
        std::vector<const VocabularyTrie::Node*>
            ways_out;  // behind which the rest of a token may leave the leaf
    };
    using LeafPlace = std::pair<std::uint32_t, std::uint32_t>;  // leaf, its state

    void add_string(const JsonGrammar::Stack& stack, TokenMask& mask) const;
    void add_leaf(const JsonGrammar::Stack& stack, TokenMask& mask) const;
    void add_structure(const JsonGrammar::Progress& progress, TokenMask& mask) const;
    const LeafTokens& leaf_tokens(LeafPlace place) const;

    JsonVocabulary vocabulary_;
    JsonGrammar grammar_;
    mutable std::mutex mutex_;
    mutable ProgressTable table_;
    mutable std::map<JsonGrammar::Progress, std::shared_ptr<const TokenMask>> masks_;
    mutable std::map<LeafPlace, std::unique_ptr<LeafTokens>> leaf_tokens_;
};

}  // namespace gptoss::grammar
