// JSON schemas -> grammars. The subset is described in docs/grammar.md; a strict schema outside it is refused,
// never half enforced.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace gptoss::grammar {

// Which of a client's schemas is meant, and how much the client insists on it.
struct SchemaOrigin {
    std::string where;  // for messages: "the function \"f\""
    std::string param;  // the field of the request: "tools[0].function.parameters"; may be empty
    // False: what cannot be enforced is left out and listed in the result, instead of refused. Schemas that are wrong, that
    // no value satisfies or that take too much are refused all the same.
    bool strict = true;
};

struct SchemaGrammar {
    Grammar grammar;
    std::vector<std::string> unenforced;  // "multipleOf at #/properties/a"; only where it is not strict
};

// Texts that satisfy `schema`. Throws Error(request_invalid) whose facts "param", "keyword" and "path" name
// what is not supported, cannot be satisfied, or takes more than `budget` holds.
SchemaGrammar compile_schema(const nlohmann::ordered_json& schema, const SchemaOrigin& origin,
                             Budget& budget);

// Any JSON object.
Grammar any_json_object();

}  // namespace gptoss::grammar
