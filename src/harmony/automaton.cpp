#include "harmony/automaton.h"

namespace gptoss::harmony {
namespace {

// The shortest analysis message that says anything: <|channel|> analysis <|message|> word <|end|>, and
// <|start|> assistant before it unless it is the first.
constexpr std::int32_t kShortestFirstAnalysis_tokens = 5;
constexpr std::int32_t kShortestAnalysis_tokens = 7;

TokenId first_present(std::initializer_list<TokenId> tokens) {
    for (const TokenId token : tokens)
        if (token != SpecialTokens::kNoToken) return token;
    return SpecialTokens::kNoToken;
}

// Vocabularies that lack a terminator end their messages with the next best.
TokenId terminator_of(const SpecialTokens& special, MessageKind kind) {
    switch (kind) {
        case MessageKind::analysis:
        case MessageKind::preamble:
            return special.end;
        case MessageKind::final:
            return first_present({special.return_, special.end_of_text, special.end});
        case MessageKind::call:
            return first_present({special.call, special.end});
    }
    return special.end;
}

TokenMask ordinary_tokens(const Tokenizer& tokenizer) {
    TokenMask mask(tokenizer.vocabulary_size());
    for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token)
        if (!tokenizer.is_special(token)) mask.allow(token);
    return mask;
}

TokenMask with(const TokenMask& base, std::initializer_list<TokenId> tokens) {
    TokenMask mask = base;
    mask.rename();
    for (const TokenId token : tokens) mask.allow(token);
    return mask;
}

}  // namespace

CommonMasks::CommonMasks(const Tokenizer& tokenizer)
    : ordinary(ordinary_tokens(tokenizer)),
      analysis(with(ordinary, {terminator_of(tokenizer.special(), MessageKind::analysis)})),
      final(with(ordinary, {terminator_of(tokenizer.special(), MessageKind::final)})),
      call(with(ordinary, {terminator_of(tokenizer.special(), MessageKind::call)})),
      nothing(tokenizer.vocabulary_size()),
      only_end(with(nothing, {tokenizer.special().end})),
      only_start(with(nothing, {tokenizer.special().start})),
      start_or_return(with(only_start, {terminator_of(tokenizer.special(), MessageKind::final)})) {}

HarmonyAutomaton::HarmonyAutomaton(std::shared_ptr<const HarmonyRules> rules) : rules_(std::move(rules)) {
    graph_ =
        budget_allows(kShortestFirstAnalysis_tokens) ? rules_->headers.get() : rules_->no_more_analysis.get();
    place_.node = graph_->after_role();
}

bool HarmonyAutomaton::budget_allows(std::int32_t tokens) const {
    return !rules_->max_reasoning_tokens || reasoning_tokens_ + tokens <= *rules_->max_reasoning_tokens;
}

std::span<const std::uint32_t> HarmonyAutomaton::allowed() {
    const TokenMask* mask = current_mask();
    allowed_id_ = mask ? mask->id() : 0;
    return mask ? std::span<const std::uint32_t>(mask->words()) : std::span<const std::uint32_t>();
}

const TokenMask* HarmonyAutomaton::current_mask() {
    switch (phase_) {
        case Phase::header:
            header_mask_ = graph_->mask(place_.node);
            return header_mask_.get();
        case Phase::content:
            return content_mask();
        case Phase::message_over:
            return &rules_->masks->only_start;
        case Phase::call_over:
            return &rules_->masks->start_or_return;
        case Phase::turn_over:
            return &rules_->masks->nothing;
        case Phase::unconstrained:
            return nullptr;
    }
    return nullptr;
}

const TokenMask* HarmonyAutomaton::content_mask() {
    if (!matcher_) {
        switch (kind_) {
            case MessageKind::analysis:
                // <|end|> itself counts, so it comes when one token is left.
                return budget_allows(2) ? &rules_->masks->analysis : &rules_->masks->only_end;
            case MessageKind::preamble:
                return &rules_->masks->analysis;
            case MessageKind::final:
                return &rules_->masks->final;
            case MessageKind::call:
                return &rules_->masks->call;
        }
    }
    const TokenMask& of_rule = matcher_->allowed();
    if (!matcher_->may_end()) return &of_rule;
    if (!ending_mask_ || ending_of_ != of_rule.id()) {
        ending_of_ = of_rule.id();
        ending_mask_ = with(of_rule, {terminator_of(rules_->tokenizer->special(), kind_)});
    }
    return &*ending_mask_;
}

bool HarmonyAutomaton::depends_on_last_token() const {
    if (phase_ == Phase::unconstrained) return false;
    if (phase_ != Phase::content) return true;
    if (matcher_) return !matcher_->mask_is_stable();
    return kind_ == MessageKind::analysis && !budget_allows(3);
}

void HarmonyAutomaton::accept(TokenId token) {
    const SpecialTokens& special = rules_->tokenizer->special();
    if (token == special.start && token != SpecialTokens::kNoToken) return begin_header();
    switch (phase_) {
        case Phase::header:
            return accept_in_header(token);
        case Phase::content:
            return accept_in_content(token);
        case Phase::message_over:
        case Phase::call_over:
        case Phase::turn_over:
        case Phase::unconstrained:
            break;
    }
    const bool ends_turn = token == special.return_ || token == special.call || token == special.end_of_text;
    phase_ = ends_turn ? Phase::turn_over : token == special.end ? Phase::message_over : Phase::unconstrained;
}

void HarmonyAutomaton::begin_header() {
    const bool follows_call = phase_ == Phase::call_over;
    phase_ = Phase::header;
    matcher_.reset();
    header_tokens_ = 1;  // <|start|>
    graph_ = follows_call && rules_->after_call        ? rules_->after_call.get()
             : budget_allows(kShortestAnalysis_tokens) ? rules_->headers.get()
                                                       : rules_->no_more_analysis.get();
    place_ = {graph_->before_role(), -1};
}

void HarmonyAutomaton::accept_in_header(TokenId token) {
    ++header_tokens_;
    place_ = graph_->next(place_, token);
    if (place_.node == HeaderGraph::kNowhere) {
        phase_ = Phase::unconstrained;
        return;
    }
    if (!graph_->is_end(place_.node)) return;
    phase_ = Phase::content;
    kind_ = graph_->kind(place_.node);
    if (kind_ == MessageKind::analysis) reasoning_tokens_ += header_tokens_;
    std::shared_ptr<const CompiledGrammar> rule;
    if (kind_ == MessageKind::final) rule = rules_->final_rule;
    if (kind_ == MessageKind::call) rule = rules_->argument_rules[static_cast<std::size_t>(place_.function)];
    if (rule)
        matcher_.emplace(std::move(rule));
    else
        matcher_.reset();
}

void HarmonyAutomaton::accept_in_content(TokenId token) {
    const SpecialTokens& special = rules_->tokenizer->special();
    if (kind_ == MessageKind::analysis) ++reasoning_tokens_;
    if (!rules_->tokenizer->is_special(token)) {
        if (matcher_) matcher_->accept(rules_->tokenizer->bytes(token));
        return;
    }
    matcher_.reset();
    if (token == special.end && kind_ != MessageKind::call)
        phase_ = Phase::message_over;
    else if (token == terminator_of(special, MessageKind::call) && rules_->after_call)
        phase_ = Phase::call_over;
    else if (token == special.return_ || token == special.call || token == special.end ||
             token == special.end_of_text)
        phase_ = Phase::turn_over;
    else
        phase_ = Phase::unconstrained;
}

std::unique_ptr<TokenConstraint> HarmonyAutomaton::fork() const {
    return std::make_unique<HarmonyAutomaton>(*this);
}

}  // namespace gptoss::harmony
