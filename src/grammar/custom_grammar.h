// The grammars of OpenAI's custom tools: a text, not JSON, that follows a regular expression or a Lark grammar.
// What of both is supported is listed in docs/grammar.md; anything else is refused, never half enforced.
#pragma once

#include <string>
#include <string_view>

#include "grammar/grammar.h"

namespace gptoss::grammar {

// Which of a client's grammars is meant.
struct GrammarOrigin {
    std::string where;  // for messages: "the tool \"f\""
    std::string param;  // the field of the request: "tools[0].custom.format.grammar.definition"; may be empty
};

// All throw Error(request_invalid), with the fact "param", that says what cannot be held and where.

// The whole text matches `definition`, in the syntax of Rust's regex crate. Leading flags "(?i)", "(?s)" and
// "(?x)" are known.
Grammar compile_regex(std::string_view definition, const GrammarOrigin& origin, Budget& budget);

// The whole text is a `start` of the Lark grammar.
Grammar compile_lark(std::string_view definition, const GrammarOrigin& origin, Budget& budget);

}  // namespace gptoss::grammar
