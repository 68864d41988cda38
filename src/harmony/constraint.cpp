#include "harmony/constraint.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "grammar/custom_grammar.h"
#include "grammar/json_schema.h"
#include "harmony/automaton.h"

namespace gptoss::harmony {
namespace {

using grammar::Budget;
using grammar::CompiledGrammar;
using grammar::GrammarVocabulary;
using grammar::StringTokenTables;

// Bytes that are kept for later requests. What is in use is kept alive by its users.
constexpr std::size_t kMostGraphBytes = std::size_t{128} << 20;
constexpr std::size_t kMostGrammarBytes = std::size_t{192} << 20;

// What was made lately, by key. Dropped as a whole when it has grown too large.
template <class Value>
class BoundedCache {
  public:
    explicit BoundedCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

    std::shared_ptr<const Value> find(const std::string& key) const {
        const std::lock_guard lock(mutex_);
        const auto known = values_.find(key);
        return known == values_.end() ? nullptr : known->second;
    }

    void add(const std::string& key, std::shared_ptr<const Value> value, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        bytes += key.size();
        if (bytes_ + bytes > most_bytes_) {
            values_.clear();
            bytes_ = 0;
        }
        if (bytes > most_bytes_) return;
        bytes_ += bytes;
        values_[key] = std::move(value);
    }

  private:
    const std::size_t most_bytes_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const Value>> values_;
    std::size_t bytes_ = 0;
};

std::string key_of(const HeaderChoice& choice) {
    std::string key;
    for (const bool flag : {choice.analysis, choice.preamble, choice.final, choice.final_is_json})
        key += flag ? '1' : '0';
    for (const auto& callable : choice.callable)
        key.append(1, '\0').append(callable.name).append(callable.names_content ? "+" : "-");
    return key;
}

std::vector<const Tool*> callable_tools(const ConstraintOptions& options) {
    std::vector<const Tool*> callable;
    if (options.tool_use == ToolUse::none) return callable;
    for (const Tool& tool : options.tools)
        if (options.tool_use != ToolUse::named || tool.name == options.named_function)
            callable.push_back(&tool);
    const bool must_call = options.tool_use == ToolUse::named || options.tool_use == ToolUse::required;
    if (must_call && callable.empty())
        throw Error(ErrorCode::request_invalid,
                    options.tool_use == ToolUse::named
                        ? "tool_choice names the function \"" + options.named_function +
                              "\", which is not among the tools"
                        : std::string("tool_choice is \"required\", but there are no tools"),
                    "Offer the function in tools, or let tool_choice be \"auto\".",
                    {{"param", "tool_choice"}});
    return callable;
}

}  // namespace

struct ConstraintFactory::State {
    explicit State(const Tokenizer& used)
        : tokenizer(used),
          trie(std::make_shared<VocabularyTrie>(used)),
          masks(std::make_shared<CommonMasks>(used)),
          strings(std::make_shared<StringTokenTables>(used, trie)) {}

    // All are made outside the locks: a large one takes a while. Two threads may then make the same.
    std::shared_ptr<const HeaderGraph> graph(const HeaderChoice& choice) {
        const std::string key = key_of(choice);
        if (auto known = graphs.find(key)) return known;
        const auto made = std::make_shared<const HeaderGraph>(tokenizer, trie, choice);
        graphs.add(key, made, made->most_bytes());
        return made;
    }

    template <class Compile>
    std::shared_ptr<const CompiledGrammar> compiled(const std::string& key, Budget& budget, Compile compile) {
        if (auto known = grammars.find(key)) {
            budget.spend(known->cost());
            return known;
        }
        const Budget::Cost before = budget.spent();
        grammar::SchemaGrammar source = compile();
        const auto made = std::make_shared<const CompiledGrammar>(
            GrammarVocabulary{&tokenizer, trie, strings, {masks, &masks->ordinary}},
            std::move(source.grammar), budget.spent() - before, std::move(source.unenforced));
        grammars.add(key, made, made->most_bytes());
        return made;
    }

    std::shared_ptr<const CompiledGrammar> any_object(Budget& budget) {
        return compiled("", budget, [] { return grammar::SchemaGrammar{grammar::any_json_object(), {}}; });
    }

    std::shared_ptr<const CompiledGrammar> schema(const nlohmann::ordered_json& schema,
                                                  const grammar::SchemaOrigin& origin, Budget& budget) {
        const std::string key = (origin.strict ? "s" : "l") + schema.dump();
        return compiled(key, budget, [&] { return grammar::compile_schema(schema, origin, budget); });
    }

    // What a call's arguments must be: the text of a custom tool; the tool's schema when it is strict, any
    // object otherwise. Null = any text.
    std::shared_ptr<const CompiledGrammar> argument_rule(const Tool& tool, Budget& budget) {
        static const nlohmann::ordered_json nothing{{"type", "object"}, {"additionalProperties", false}};
        if (tool.custom) return tool.grammar ? custom_rule(tool, budget) : nullptr;
        if (!tool.strict) return any_object(budget);
        return schema(tool.parameters.is_null() ? nothing : tool.parameters,
                      {"the function \"" + tool.name + "\"", tool.param, true}, budget);
    }

    std::shared_ptr<const CompiledGrammar> custom_rule(const Tool& tool, Budget& budget) {
        const bool is_lark = tool.grammar->syntax == ToolGrammar::Syntax::lark;
        const std::string& definition = tool.grammar->definition;
        return compiled((is_lark ? "k" : "r") + definition, budget, [&] {
            const grammar::GrammarOrigin origin{"the tool \"" + tool.name + "\"", tool.param};
            return grammar::SchemaGrammar{is_lark ? grammar::compile_lark(definition, origin, budget)
                                                  : grammar::compile_regex(definition, origin, budget),
                                          {}};
        });
    }

    std::shared_ptr<const CompiledGrammar> final_rule(const ConstraintOptions& options, Budget& budget) {
        switch (options.final_format) {
            case FinalFormat::text:
                return nullptr;
            case FinalFormat::json_object:
                return any_object(budget);
            case FinalFormat::json_schema:
                return schema(options.final_schema,
                              {"response_format", options.final_param, options.final_strict}, budget);
        }
        return nullptr;
    }

    const Tokenizer& tokenizer;
    const std::shared_ptr<const VocabularyTrie> trie;
    const std::shared_ptr<const CommonMasks> masks;
    const std::shared_ptr<const StringTokenTables> strings;
    BoundedCache<CompiledGrammar> grammars{kMostGrammarBytes};  // by kind and text
    BoundedCache<HeaderGraph> graphs{kMostGraphBytes};
};

ConstraintFactory::ConstraintFactory(const Tokenizer& tokenizer)
    : state_(std::make_unique<State>(tokenizer)) {}
ConstraintFactory::~ConstraintFactory() = default;

std::shared_ptr<TokenConstraint> ConstraintFactory::make(const ConstraintOptions& options,
                                                         std::vector<std::string>* unenforced) {
    Budget budget;
    auto rules = std::make_shared<HarmonyRules>();
    rules->tokenizer = &state_->tokenizer;
    rules->masks = state_->masks;
    rules->max_reasoning_tokens = options.max_reasoning_tokens;

    rules->final_rule = state_->final_rule(options, budget);
    if (unenforced && rules->final_rule) *unenforced = rules->final_rule->unenforced();

    HeaderChoice choice;
    for (const Tool* tool : callable_tools(options)) {
        choice.callable.push_back({tool->name, !tool->custom});
        try {
            rules->argument_rules.push_back(state_->argument_rule(*tool, budget));
        } catch (const grammar::BudgetExceeded& error) {  // what was compiled for others counts, too
            throw Error(ErrorCode::request_invalid,
                        "The function \"" + tool->name + "\": " + error.what() + ".", {},
                        {{"param", tool->param.empty() ? "tools" : tool->param}});
        }
    }
    choice.preamble = !choice.callable.empty();
    choice.final = options.tool_use == ToolUse::none || options.tool_use == ToolUse::automatic;
    choice.final_is_json = options.final_format != FinalFormat::text;
    rules->headers = state_->graph(choice);
    choice.analysis = false;
    choice.preamble = false;
    rules->no_more_analysis = state_->graph(choice);
    if (options.parallel_calls && !choice.callable.empty()) {
        choice.final = false;
        rules->after_call = state_->graph(choice);
    }
    return std::make_shared<HarmonyAutomaton>(std::move(rules));
}

}  // namespace gptoss::harmony
