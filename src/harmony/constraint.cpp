#include "harmony/constraint.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "grammar/json_rule.h"
#include "grammar/json_schema.h"
#include "harmony/automaton.h"

namespace gptoss::harmony {
namespace {

using grammar::JsonRule;
using grammar::JsonVocabulary;
using grammar::StringTokenTables;

// Both are dropped as a whole when full: what is in use is kept alive by its users.
constexpr std::size_t kMostGraphs = 64;
constexpr std::size_t kMostRules = 24;

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

    std::shared_ptr<const HeaderGraph> graph(const HeaderChoice& choice) {
        const std::lock_guard lock(mutex);
        const std::string key = key_of(choice);
        if (const auto known = graphs.find(key); known != graphs.end()) return known->second;
        if (graphs.size() >= kMostGraphs) graphs.clear();
        return graphs[key] = std::make_shared<HeaderGraph>(tokenizer, trie, choice);
    }

    // The rule of a schema; null = any object. Compiled outside the lock: a large schema takes a while.
    std::shared_ptr<const ContentRule> rule(const nlohmann::ordered_json* schema, const std::string& where) {
        const std::string key = schema ? schema->dump() : "";
        {
            const std::lock_guard lock(mutex);
            if (const auto known = rules.find(key); known != rules.end()) return known->second;
        }
        const auto made = std::make_shared<JsonRule>(
            JsonVocabulary{&tokenizer, trie, strings, {masks, &masks->ordinary}},
            schema ? grammar::compile_schema(*schema, where) : grammar::any_json_object());
        const std::lock_guard lock(mutex);
        if (rules.size() >= kMostRules) rules.clear();
        return rules[key] = made;
    }

    // What a call's arguments must be: the tool's schema when it is strict, any object otherwise.
    std::shared_ptr<const ContentRule> argument_rule(const Tool& tool) {
        static const nlohmann::ordered_json nothing{{"type", "object"}, {"additionalProperties", false}};
        if (tool.grammar)
            throw Error(ErrorCode::request_invalid, "The grammar of a custom tool cannot be enforced yet.",
                        "Leave `format` out: the tool then takes any text.", {{"param", tool.param}});
        if (tool.custom) return nullptr;
        if (!tool.strict) return rule(nullptr, {});
        return rule(tool.parameters.is_null() ? &nothing : &tool.parameters,
                    "the function \"" + tool.name + "\"");
    }

    std::shared_ptr<const ContentRule> final_rule(const ConstraintOptions& options) {
        switch (options.final_format) {
            case FinalFormat::text:
                return nullptr;
            case FinalFormat::json_object:
                return rule(nullptr, {});
            case FinalFormat::json_schema:
                return rule(&options.final_schema, "response_format");
        }
        return nullptr;
    }

    const Tokenizer& tokenizer;
    const std::shared_ptr<const VocabularyTrie> trie;
    const std::shared_ptr<const CommonMasks> masks;
    const std::shared_ptr<const StringTokenTables> strings;
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<const ContentRule>> rules;  // by the schema's text
    std::map<std::string, std::shared_ptr<const HeaderGraph>> graphs;
};

ConstraintFactory::ConstraintFactory(const Tokenizer& tokenizer)
    : state_(std::make_unique<State>(tokenizer)) {}
ConstraintFactory::~ConstraintFactory() = default;

std::shared_ptr<TokenConstraint> ConstraintFactory::make(const ConstraintOptions& options) {
    auto rules = std::make_shared<HarmonyRules>();
    rules->tokenizer = &state_->tokenizer;
    rules->masks = state_->masks;
    rules->max_reasoning_tokens = options.max_reasoning_tokens;

    rules->final_rule = state_->final_rule(options);

    HeaderChoice choice;
    for (const Tool* tool : callable_tools(options)) {
        choice.callable.push_back({tool->name, !tool->custom});
        rules->argument_rules.push_back(state_->argument_rule(*tool));
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
