// The harmony automaton: where a generation stands between headers, contents and terminators, and which
// tokens may follow there. One a sequence; what they have in common is in HarmonyRules.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/token_constraint.h"
#include "grammar/grammar_matcher.h"
#include "grammar/token_mask.h"
#include "harmony/header_graph.h"

namespace gptoss::harmony {

using grammar::CompiledGrammar;
using grammar::GrammarMatcher;
using grammar::TokenMask;

// The masks that have nothing to do with a request.
struct CommonMasks {
    explicit CommonMasks(const Tokenizer& tokenizer);
    TokenMask ordinary;  // no marker at all
    TokenMask analysis;  // ordinary tokens or <|end|>; for preambles too
    TokenMask final;     // ordinary tokens or <|return|>
    TokenMask call;      // ordinary tokens or <|call|>
    TokenMask nothing;
    TokenMask only_end;
    TokenMask only_start;
    TokenMask start_or_return;  // behind a call that another may follow
};

// Of one request, or of many that offer the same tools.
struct HarmonyRules {
    const Tokenizer* tokenizer = nullptr;
    std::shared_ptr<const CommonMasks> masks;
    std::shared_ptr<const HeaderGraph> headers;           // at the beginning and in general
    std::shared_ptr<const HeaderGraph> no_more_analysis;  // when the reasoning budget is spent
    std::shared_ptr<const HeaderGraph> after_call;        // null: nothing may follow a call
    std::shared_ptr<const CompiledGrammar> final_rule;    // null: any text
    std::vector<std::shared_ptr<const CompiledGrammar>>
        argument_rules;  // by function, as in HeaderChoice::callable; null: any text
    std::optional<std::int32_t> max_reasoning_tokens;
};

class HarmonyAutomaton : public TokenConstraint {
  public:
    explicit HarmonyAutomaton(std::shared_ptr<const HarmonyRules> rules);

    std::span<const std::uint32_t> allowed() override;
    std::uint64_t allowed_id() const override { return allowed_id_; }  // of the last allowed()
    void accept(TokenId token) override;
    bool depends_on_last_token() const override;
    std::unique_ptr<TokenConstraint> fork() const override;

  private:
    enum class Phase {
        header,
        content,
        message_over,  // <|start|> must follow
        call_over,
        turn_over,      // nothing may follow
        unconstrained,  // a token came that was not allowed: everything may follow until a message begins
    };

    const TokenMask* current_mask();
    const TokenMask* content_mask();
    bool budget_allows(std::int32_t tokens) const;  // that many more of reasoning
    void begin_header();
    void accept_in_header(TokenId token);
    void accept_in_content(TokenId token);

    std::shared_ptr<const HarmonyRules> rules_;
    Phase phase_ = Phase::header;
    const HeaderGraph* graph_ = nullptr;
    HeaderGraph::Place place_;
    std::int32_t header_tokens_ = 0;  // of the header in progress
    MessageKind kind_ = MessageKind::analysis;
    std::int32_t reasoning_tokens_ = 0;
    std::optional<GrammarMatcher> matcher_;  // none where any text may stand

    std::shared_ptr<const TokenMask> header_mask_;  // keeps allowed() valid
    std::optional<TokenMask> ending_mask_;          // the content rule's mask and the terminator
    std::uint64_t ending_of_ = 0;                   // id of the mask that ending_mask_ was made from
    std::uint64_t allowed_id_ = 0;
};

}  // namespace gptoss::harmony
