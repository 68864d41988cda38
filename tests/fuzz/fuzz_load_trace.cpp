// Lines of a load generator's trace. Whatever a line says, its request is bounded.
#include <cstdlib>
#include <string>

#include "acceptance/load_trace.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string line(reinterpret_cast<const char*>(data), size);
    try {
        const auto request = gptoss::acceptance::load_trace_line(line, 1);
        constexpr std::int32_t kMostWords = 1 << 20;
        constexpr std::size_t kLongestWord_bytes = 8;
        if (request && (request->at_s < 0 || request->answer < 1 || request->answer > kMostWords ||
                        request->prompt.empty() || request->prompt.size() > kMostWords * kLongestWord_bytes))
            std::abort();
    } catch (const gptoss::Error&) {
        return 0;
    }
    return 0;
}
