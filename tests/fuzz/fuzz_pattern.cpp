// Any bytes as a pattern of a schema and as a custom tool's regular expression; what is taken can be read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "grammar/custom_grammar.h"
#include "grammar/progress.h"
#include "grammar/regular_expression.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    using namespace gptoss::grammar;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    try {
        Budget budget;
        to_bytes(parse_pattern(input, {}, budget), Spelling::json_string, budget);
    } catch (const PatternError&) {
    } catch (const BudgetExceeded&) {
    }
    try {
        Budget budget;
        const Grammar grammar = compile_regex(input, {"the fuzzer", ""}, budget);
        check(!begin(grammar).is_dead(), "a grammar that was not refused has texts");
    } catch (const Error&) {
    }
    return 0;
}
