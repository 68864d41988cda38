// What a model may say, as the engine asks for it: valid headers only, no marker inside content, the tool
// choice, the reasoning budget, and JSON where JSON was promised. The rules are in docs/harmony.md.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/token_constraint.h"
#include "harmony/message.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::harmony {

enum class ToolUse {
    none,       // no calls, even if tools are given
    automatic,  // calls and answers
    required,   // at least one call before any answer
    named,      // at least one call, of `named_function`
};

enum class FinalFormat { text, json_object, json_schema };

struct ConstraintOptions {
    std::vector<Tool> tools;
    ToolUse tool_use = ToolUse::automatic;
    std::string named_function;
    // After a call another one may follow. The turn then ends with <|return|> or when the engine stops at
    // <|call|>: leave <|call|> out of the stop tokens to let calls follow one another.
    bool parallel_calls = false;
    std::optional<std::int32_t>
        max_reasoning_tokens;  // of all analysis messages, headers and <|end|> included
    FinalFormat final_format = FinalFormat::text;
    nlohmann::ordered_json final_schema;  // json_schema only
    bool final_strict = true;             // false: what of the schema cannot be enforced is left out
    std::string final_param = "response_format.json_schema.schema";  // the request's field, for messages
};

// Makes constraints for one vocabulary and keeps what they share: the vocabulary's trie, masks, compiled
// schemas. Any number of threads may use it.
class ConstraintFactory {
  public:
    explicit ConstraintFactory(const Tokenizer& tokenizer);  // which must outlive everything made here
    ~ConstraintFactory();

    // For one generation that begins right after <|start|>assistant; others that begin alike may fork() it.
    // Throws Error(request_invalid) for a schema outside the supported subset (facts "param", "keyword" and
    // "path"), for schemas and grammars that together take more than a grammar::Budget holds, and for a named
    // function that is not among the tools. `unenforced` is called with what of a schema that is not strict is not
    // enforced: "multipleOf at #/properties/a".
    std::shared_ptr<TokenConstraint> make(const ConstraintOptions& options,
                                          std::vector<std::string>* unenforced = nullptr);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::harmony
