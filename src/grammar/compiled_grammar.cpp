#include "grammar/compiled_grammar.h"

#include <algorithm>

namespace gptoss::grammar {
namespace {

// Of 25 kB each with the whole vocabulary.
constexpr std::size_t kMostMasks = 128;
constexpr std::size_t kMostTerminalPlaces = 64;
constexpr std::size_t kMostExits = 500'000;  // of 12 bytes each

// The work for one mask, in nodes of the vocabulary's trie: about 10 ms. One terminal is always read whole.
constexpr std::int64_t kMostWork = 2'000'000;
constexpr std::int64_t kWorkOfStep = 16;        // for each place that is looked at
constexpr std::int64_t kWorkOfString = 20'000;  // masks are copied, ends of strings tried

}  // namespace

// Puts one mask together.
class CompiledGrammar::MaskMaker {
  public:
    explicit MaskMaker(const CompiledGrammar& of)
        : of_(of), mask_(std::make_shared<TokenMask>(of.vocabulary_.tokenizer->vocabulary_size())) {}

    std::shared_ptr<const TokenMask> make(const Progress& progress) {
        Progress structure;  // places outside terminals
        for (const Progress::Place& place : progress.places) {
            const Grammar::State& state = of_.grammar_.states[place.state];
            if (state.terminal == Grammar::Terminal::none) {
                structure.places.push_back(place);
            } else if (work_ > 0) {
                const bool is_string =
                    state.terminal == Grammar::Terminal::string ||
                    (state.terminal == Grammar::Terminal::other_key && place.at.count == LiteralTrie::kNone);
                is_string ? add_string(place, state) : add_terminal(place, state);
            }
        }
        if (!structure.places.empty()) add_structure(std::move(structure));
        return std::move(mask_);
    }

  private:
    const VocabularyTrie& trie() const { return *of_.vocabulary_.trie; }

    ProgressTable::Id continuation(GrammarState next, const Stack& stack) {
        return of_.table_.id(resume(of_.grammar_, next, stack));
    }

    ProgressTable::Id step(ProgressTable::Id from, std::uint8_t byte) {
        if (work_ <= 0) return ProgressTable::kDead;
        // Counted whether or not the step is known already: a mask must not depend on what was asked before.
        work_ -= kWorkOfStep * static_cast<std::int64_t>(1 + of_.table_.width(from));
        return of_.table_.step(from, byte);
    }

    bool can_continue(ProgressTable::Id from, std::string_view bytes) {
        for (const char byte : bytes) from = step(from, static_cast<std::uint8_t>(byte));
        return from != ProgressTable::kDead;
    }

    void add_string(const Progress::Place& place, const Grammar::State& state) {
        work_ -= kWorkOfString;
        const bool is_key = state.terminal == Grammar::Terminal::other_key;
        const std::uint32_t read = is_key ? 0 : place.at.count;
        const std::uint32_t room =
            is_key || state.most == Grammar::kNoLimit ? Grammar::kNoLimit : state.most - read;
        const std::uint32_t missing = is_key || state.least <= read ? 0 : state.least - read;
        const StringTokens& tokens =
            of_.vocabulary_.strings->from(static_cast<string_lexer::State>(place.at.inner));
        // Few tokens are too long for the room that is left, or few are short enough: visit the few.
        const auto first_that_fits = std::partition_point(
            tokens.inside.begin(), tokens.inside.end(),
            [&](const StringTokens::Counted& counted) { return counted.characters > room; });
        if (first_that_fits - tokens.inside.begin() < tokens.inside.end() - first_that_fits) {
            TokenMask fitting = tokens.all_inside;
            for (auto counted = tokens.inside.begin(); counted != first_that_fits; ++counted)
                fitting.forbid(counted->token);
            mask_->allow_all(fitting);
        } else {
            for (auto counted = first_that_fits; counted != tokens.inside.end(); ++counted)
                mask_->allow(counted->token);
        }
        const ProgressTable::Id then = continuation(state.next, place.stack);
        for (const StringTokens::Exit& exit : tokens.exits) {
            if (!can_continue(then, exit.rest)) continue;
            for (const auto& counted : exit.tokens)
                if (counted.characters >= missing && counted.characters <= room) mask_->allow(counted.token);
        }
    }

    void add_terminal(const Progress::Place& place, const Grammar::State& state) {
        const TerminalTokens& tokens = of_.terminal_tokens(state, place.at);
        work_ -= static_cast<std::int64_t>(tokens.visited);
        mask_->allow_all(tokens.inside);
        std::map<GrammarState, ProgressTable::Id> ids;
        for (const TerminalTokens::Exit& exit : tokens.exits) {
            if (work_ <= 0) break;
            const GrammarState next = *of_.grammar_.continuation(state, exit.at);
            auto known = ids.find(next);
            if (known == ids.end()) known = ids.emplace(next, continuation(next, place.stack)).first;
            trie().walk_below(
                trie().nodes()[exit.node], known->second,
                [this](ProgressTable::Id at, std::uint8_t byte) { return step(at, byte); },
                [](ProgressTable::Id at) { return at != ProgressTable::kDead; },
                [this](const VocabularyTrie::Node& node, ProgressTable::Id) { mask_->allow(node.token); });
        }
    }

    void add_structure(Progress structure) {
        const ProgressTable::Id from = of_.table_.id(std::move(structure));
        const auto& nodes = trie().nodes();
        for (std::size_t i = 0; i < nodes.size();
             i = nodes[i].subtree_end)  // single bytes, whatever they cost
            if (of_.table_.step(from, nodes[i].byte) != ProgressTable::kDead) mask_->allow(nodes[i].token);
        trie().walk(
            from, [this](ProgressTable::Id at, std::uint8_t byte) { return step(at, byte); },
            [](ProgressTable::Id at) { return at != ProgressTable::kDead; },
            [this](const VocabularyTrie::Node& node, ProgressTable::Id) { mask_->allow(node.token); });
    }

    const CompiledGrammar& of_;
    std::shared_ptr<TokenMask> mask_;
    std::int64_t work_ = kMostWork;
};

CompiledGrammar::CompiledGrammar(GrammarVocabulary vocabulary, Grammar grammar, Budget::Cost cost,
                                 std::vector<std::string> unenforced)
    : vocabulary_(std::move(vocabulary)),
      grammar_(std::move(grammar)),
      cost_(cost),
      unenforced_(std::move(unenforced)),
      table_(grammar_) {}

std::size_t CompiledGrammar::most_bytes() const {
    constexpr std::size_t kDfaStateBytes = 128;                // some 60 classes of bytes
    constexpr std::size_t kLiteralByteBytes = 24;              // a node and a number
    constexpr std::size_t kCacheBytes = std::size_t{1} << 20;  // ways out and steps, as a rule
    const auto mask_bytes = static_cast<std::size_t>(vocabulary_.tokenizer->vocabulary_size()) / 8;
    return cost_.states * 2 * sizeof(Grammar::State) + cost_.dfa_states * kDfaStateBytes +
           cost_.literal_bytes * kLiteralByteBytes + (kMostMasks + kMostTerminalPlaces) * mask_bytes +
           kCacheBytes;
}

std::shared_ptr<const TokenMask> CompiledGrammar::mask(const Progress& progress) const {
    const std::lock_guard lock(mutex_);
    if (const auto known = masks_.find(progress); known != masks_.end()) return known->second;
    auto mask = MaskMaker(*this).make(progress);
    table_.keep_small();
    if (masks_.size() >= kMostMasks) masks_.clear();
    return masks_[progress] = mask;
}

const CompiledGrammar::TerminalTokens& CompiledGrammar::terminal_tokens(const Grammar::State& terminal,
                                                                        Grammar::Reading at) const {
    const bool is_literal = terminal.terminal == Grammar::Terminal::literal;
    const TerminalKey key{
        terminal.terminal, terminal.index, is_literal ? terminal.least : 0, is_literal ? terminal.most : 0,
        at.inner,          at.count};
    if (const auto known = terminal_tokens_.find(key); known != terminal_tokens_.end()) return *known->second;
    auto made = std::make_unique<TerminalTokens>(vocabulary_.tokenizer->vocabulary_size());
    using Place = std::optional<Grammar::Reading>;
    vocabulary_.trie->walk(
        Place(at),
        [&](const Place& from, std::uint8_t byte) {
            ++made->visited;
            return grammar_.read(terminal, *from, byte);
        },
        [](const Place& place) { return place.has_value(); },
        [&](const VocabularyTrie::Node& node, const Place& place) {
            made->inside.allow(node.token);
            if (vocabulary_.trie->has_more(node) && grammar_.continuation(terminal, *place))
                made->exits.push_back(
                    {static_cast<std::uint32_t>(&node - vocabulary_.trie->nodes().data()), *place});
        });
    if (terminal_tokens_.size() >= kMostTerminalPlaces || exits_ > kMostExits) {
        terminal_tokens_.clear();
        exits_ = 0;
    }
    exits_ += made->exits.size();
    return *(terminal_tokens_[key] = std::move(made));
}

}  // namespace gptoss::grammar
