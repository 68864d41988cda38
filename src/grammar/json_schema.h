// JSON schemas -> grammars. The subset is told in docs/grammar.md; a schema outside it is refused, never half
// enforced.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "grammar/json_grammar.h"

namespace gptoss::grammar {

// Texts that satisfy `schema`. `where` tells the client which of its schemas is meant: "the function \"f\"".
// Throws Error(request_invalid) whose facts "keyword" and "path" name what is not supported or cannot be
// satisfied.
JsonGrammar compile_schema(const nlohmann::ordered_json& schema, const std::string& where);

// Any JSON object.
JsonGrammar any_json_object();

}  // namespace gptoss::grammar
