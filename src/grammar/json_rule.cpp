#include "grammar/json_rule.h"

#include <algorithm>

namespace gptoss::grammar {
namespace {

// Of 25 kB each with the whole vocabulary.
constexpr std::size_t kMostJsonMasks = 128;
constexpr std::size_t kMostLeafPlaces = 64;

class JsonProgress : public ContentProgress {
  public:
    explicit JsonProgress(std::shared_ptr<const JsonRule> rule)
        : rule_(std::move(rule)), progress_(rule_->grammar().begin()) {}

    const TokenMask& allowed() override {
        if (progress_.empty()) return rule_->ordinary();
        if (!mask_) mask_ = rule_->mask(progress_);
        return *mask_;
    }

    void accept(std::string_view bytes) override {
        if (progress_.empty()) return;
        JsonGrammar::Progress next = rule_->grammar().step(progress_, bytes);
        if (next != progress_) mask_.reset();
        progress_ = std::move(next);
    }

    // Text that has left the grammar may end wherever it likes.
    bool may_end() const override { return progress_.empty() || JsonGrammar::is_complete(progress_); }

    bool mask_is_stable() const override {
        if (progress_.empty()) return true;
        if (progress_.size() != 1 || progress_.front().empty()) return false;
        const JsonGrammar::Frame& top = progress_.front().back();
        const JsonGrammar::State& state = rule_->grammar().states[top.state];
        return state.is_string && top.inner == string_lexer::kText &&
               top.characters >= state.least_characters && state.most_characters == JsonGrammar::kNoLimit;
    }

  private:
    std::shared_ptr<const JsonRule> rule_;
    JsonGrammar::Progress progress_;
    std::shared_ptr<const TokenMask> mask_;
};

}  // namespace

JsonRule::JsonRule(JsonVocabulary vocabulary, JsonGrammar grammar)
    : vocabulary_(std::move(vocabulary)), grammar_(std::move(grammar)), table_(grammar_) {}

std::unique_ptr<ContentProgress> JsonRule::begin() const {
    return std::make_unique<JsonProgress>(shared_from_this());
}

std::shared_ptr<const TokenMask> JsonRule::mask(const JsonGrammar::Progress& progress) const {
    const std::lock_guard lock(mutex_);
    if (const auto known = masks_.find(progress); known != masks_.end()) return known->second;
    table_.keep_small();
    auto mask = std::make_shared<TokenMask>(vocabulary_.tokenizer->vocabulary_size());
    JsonGrammar::Progress structure;
    for (const JsonGrammar::Stack& stack : progress) {
        if (stack.empty()) continue;
        const JsonGrammar::State& state = grammar_.states[stack.back().state];
        if (state.leaf != JsonGrammar::kNone)
            add_leaf(stack, *mask);
        else if (state.is_string)
            add_string(stack, *mask);
        else
            structure.push_back(stack);
    }
    add_structure(structure, *mask);
    if (masks_.size() >= kMostJsonMasks) masks_.clear();
    masks_[progress] = mask;
    return mask;
}

void JsonRule::add_string(const JsonGrammar::Stack& stack, TokenMask& mask) const {
    const JsonGrammar::Frame& top = stack.back();
    const JsonGrammar::State& state = grammar_.states[top.state];
    const StringTokens& tokens = vocabulary_.strings->from(static_cast<string_lexer::State>(top.inner));
    const std::uint32_t room = state.most_characters == JsonGrammar::kNoLimit
                                   ? JsonGrammar::kNoLimit
                                   : state.most_characters - top.characters;
    // Few tokens are too long for the room that is left, or few are short enough: visit the few.
    const auto first_that_fits =
        std::partition_point(tokens.inside.begin(), tokens.inside.end(),
                             [&](const StringTokens::Counted& counted) { return counted.characters > room; });
    if (first_that_fits - tokens.inside.begin() < tokens.inside.end() - first_that_fits) {
        TokenMask fitting = tokens.all_inside;
        for (auto counted = tokens.inside.begin(); counted != first_that_fits; ++counted)
            fitting.forbid(counted->token);
        mask.allow_all(fitting);
    } else {
        for (auto counted = first_that_fits; counted != tokens.inside.end(); ++counted)
            mask.allow(counted->token);
    }
    const std::uint32_t missing =
        state.least_characters > top.characters ? state.least_characters - top.characters : 0;
    const ProgressTable::Id behind = table_.id(grammar_.behind(stack));
    for (const StringTokens::Exit& exit : tokens.exits) {
        if (!table_.goes_on(behind, exit.rest)) continue;
        for (const auto& counted : exit.tokens)
            if (counted.characters >= missing && counted.characters <= room) mask.allow(counted.token);
    }
}

void JsonRule::add_leaf(const JsonGrammar::Stack& stack, TokenMask& mask) const {
    const JsonGrammar::Frame& top = stack.back();
    const LeafTokens& tokens = leaf_tokens({grammar_.states[top.state].leaf, top.inner});
    mask.allow_all(tokens.inside);
    const ProgressTable::Id behind = table_.id(grammar_.behind(stack));
    for (const VocabularyTrie::Node* way_out : tokens.ways_out)
        vocabulary_.trie->walk_below(
            *way_out, behind,
            [this](ProgressTable::Id at, std::uint8_t byte) { return table_.step(at, byte); },
            [](ProgressTable::Id at) { return at != ProgressTable::kDead; },
            [&](const VocabularyTrie::Node& node, ProgressTable::Id) { mask.allow(node.token); });
}

const JsonRule::LeafTokens& JsonRule::leaf_tokens(LeafPlace place) const {
    if (const auto known = leaf_tokens_.find(place); known != leaf_tokens_.end()) return *known->second;
    const ByteDfa& leaf = *grammar_.leaves[place.first];
    auto made = std::make_unique<LeafTokens>(vocabulary_.tokenizer->vocabulary_size());
    vocabulary_.trie->walk(
        static_cast<ByteDfa::State>(place.second),
        [&](ByteDfa::State state, std::uint8_t byte) { return leaf.next(state, byte); },
        [](ByteDfa::State state) { return state != ByteDfa::kDead; },
        [&](const VocabularyTrie::Node& node, ByteDfa::State state) {
            made->inside.allow(node.token);
            if (leaf.accepts(state) && vocabulary_.trie->has_more(node)) made->ways_out.push_back(&node);
        });
    if (leaf_tokens_.size() >= kMostLeafPlaces) leaf_tokens_.clear();
    return *(leaf_tokens_[place] = std::move(made));
}

void JsonRule::add_structure(const JsonGrammar::Progress& progress, TokenMask& mask) const {
    if (progress.empty()) return;
    vocabulary_.trie->walk(
        table_.id(progress),
        [this](ProgressTable::Id at, std::uint8_t byte) { return table_.step(at, byte); },
        [](ProgressTable::Id at) { return at != ProgressTable::kDead; },
        [&](const VocabularyTrie::Node& node, ProgressTable::Id) { mask.allow(node.token); });
}

}  // namespace gptoss::grammar
