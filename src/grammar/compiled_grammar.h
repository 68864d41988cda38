// A grammar beside a vocabulary: which tokens may follow, at each place of the text. Shared by all sequences
// that use the grammar, and by threads.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "grammar/progress_table.h"
#include "grammar/string_tokens.h"
#include "grammar/token_mask.h"
#include "grammar/vocabulary_trie.h"

namespace gptoss::grammar {

// What grammars of one vocabulary share.
struct GrammarVocabulary {
    const Tokenizer* tokenizer = nullptr;
    std::shared_ptr<const VocabularyTrie> trie;
    std::shared_ptr<const StringTokenTables> strings;
    std::shared_ptr<const TokenMask> ordinary;
};

class CompiledGrammar {
  public:
    // `cost` is what compiling it took: whoever uses it from a cache spends it again.
    CompiledGrammar(GrammarVocabulary vocabulary, Grammar grammar, Budget::Cost cost,
                    std::vector<std::string> unenforced = {});

    const Grammar& grammar() const { return grammar_; }
    const TokenMask& ordinary() const { return *vocabulary_.ordinary; }
    const Budget::Cost& cost() const { return cost_; }
    const std::vector<std::string>& unenforced() const { return unenforced_; }  // SchemaGrammar::unenforced
    std::size_t most_bytes() const;  // what it may come to take, its masks included; about

    // Some of the tokens that keep the text in the grammar: all of them, unless trying them takes more work
    // than one token may cost (then single bytes, and as many longer tokens as the work allows). At least one,
    // unless the text is complete. The same for the same progress. Kept for the places seen lately: the same
    // place comes again with every item of a list.
    std::shared_ptr<const TokenMask> mask(const Progress& progress) const;

  private:
    class MaskMaker;
    // Tokens read from one place inside a terminal.
    struct TerminalTokens {
        explicit TerminalTokens(std::int32_t vocabulary) : inside(vocabulary) {}
        struct Exit {
            std::uint32_t node;  // of the trie: behind it the rest of a token may leave the terminal
            Grammar::Reading at;
        };
        TokenMask inside;  // tokens that are read whole
        std::vector<Exit> exits;
        std::size_t visited = 0;  // nodes of the trie
    };
    // The terminal and the place in it.
    using TerminalKey = std::tuple<Grammar::Terminal, std::uint32_t, std::uint32_t, std::uint32_t,
                                   std::uint32_t, std::uint32_t>;
    struct Hash {
        std::size_t operator()(const Progress& progress) const { return progress.hash(); }
    };

    const TerminalTokens& terminal_tokens(const Grammar::State& terminal, Grammar::Reading at) const;

    GrammarVocabulary vocabulary_;
    Grammar grammar_;
    Budget::Cost cost_;
    std::vector<std::string> unenforced_;
    mutable std::mutex mutex_;
    mutable ProgressTable table_;
    mutable std::unordered_map<Progress, std::shared_ptr<const TokenMask>, Hash> masks_;
    mutable std::map<TerminalKey, std::unique_ptr<TerminalTokens>> terminal_tokens_;
    mutable std::size_t exits_ = 0;  // of all terminal_tokens_
};

}  // namespace gptoss::grammar
