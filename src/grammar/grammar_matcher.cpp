#include "grammar/grammar_matcher.h"

#include "grammar/string_lexer.h"

namespace gptoss::grammar {

GrammarMatcher::GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar)
    : grammar_(std::move(grammar)), progress_(begin(grammar_->grammar())) {}

const TokenMask& GrammarMatcher::allowed() {
    if (progress_.is_dead()) return grammar_->ordinary();
    if (!mask_) mask_ = grammar_->mask(progress_);
    return *mask_;
}

void GrammarMatcher::accept(std::string_view bytes) {
    if (progress_.is_dead()) return;
    Progress next = step(grammar_->grammar(), progress_, bytes);
    if (next != progress_) mask_.reset();
    progress_ = std::move(next);
}

bool GrammarMatcher::may_end() const {
    return progress_.is_dead() || progress_.complete;
}

bool GrammarMatcher::mask_is_stable() const {
    if (progress_.is_dead()) return true;
    if (progress_.complete || progress_.places.size() != 1) return false;
    const Progress::Place& place = progress_.places.front();
    const Grammar::State& state = grammar_->grammar().states[place.state];
    return state.terminal == Grammar::Terminal::string && place.at.inner == string_lexer::kText &&
           place.at.count >= state.least && state.most == Grammar::kNoLimit;
}

}  // namespace gptoss::grammar
