// Any bytes as a Lark grammar, then any bytes through it: an error or a grammar in which every way goes on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "grammar/custom_grammar.h"
#include "grammar/progress.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    using namespace gptoss::grammar;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto border = input.find('\0');
    try {
        Budget budget;
        const Grammar grammar = compile_lark(input.substr(0, border), {"the fuzzer", ""}, budget);
        Progress progress = begin(grammar);
        check(!progress.is_dead(), "a grammar that was not refused has texts");
        const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + 1);
        for (const char byte : text.substr(0, 200)) {
            Progress next = step(grammar, progress, static_cast<std::uint8_t>(byte));
            check(next.places.size() <= limits::kLiveStates, "live places are bounded");
            if (next.is_dead()) break;
            progress = std::move(next);
        }
    } catch (const Error&) {
    }
    return 0;
}
