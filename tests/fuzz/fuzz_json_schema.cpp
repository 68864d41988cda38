// Any JSON as a schema, then any bytes through its grammar: an error or a grammar in which every way goes on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "grammar/json_schema.h"
#include "grammar/progress.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    using namespace gptoss::grammar;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto border = input.find('\0');
    const auto schema = nlohmann::ordered_json::parse(input.substr(0, border), nullptr, false);
    if (schema.is_discarded()) return 0;
    for (const bool strict : {true, false}) {
        try {
            Budget budget;
            const Grammar grammar = compile_schema(schema, {"the fuzzer", "", strict}, budget).grammar;
            Progress progress = begin(grammar);
            check(!progress.is_dead(), "a grammar that was not refused has texts");
            const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + 1);
            for (const char byte : text.substr(0, 200)) {
                Progress next = step(grammar, progress, static_cast<std::uint8_t>(byte));
                if (next.is_dead()) {  // refused; some other byte is not, unless the text is complete
                    bool goes_on = progress.complete;
                    for (int other = 0; other < 256 && !goes_on; ++other)
                        goes_on = !step(grammar, progress, static_cast<std::uint8_t>(other)).is_dead();
                    check(goes_on, "what was read can be brought to an end");
                    break;
                }
                progress = std::move(next);
            }
        } catch (const Error&) {
        }
    }
    return 0;
}
