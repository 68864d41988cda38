// Any tokens at all through the stream parser: events of sound shape, nothing else.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "harmony/parser.h"
#include "support/small_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const Tokenizer& tokenizer = test::small_tokenizer();
    harmony::StreamParser parser(tokenizer, {{"get_weather", "search"}});
    bool in_call = false;
    const auto sink = [&](const harmony::Event& event) {
        const bool of_call =
            event.kind == harmony::EventKind::call_arguments || event.kind == harmony::EventKind::call_end;
        check(in_call || !of_call, "arguments belong to an open call");
        if (event.kind == harmony::EventKind::call_begin) in_call = true;
        if (event.kind == harmony::EventKind::call_end) in_call = false;
        check(event.kind != harmony::EventKind::message_end || !in_call, "a call ends before its message");
    };
    // Bytes 0-254 are spread over bytes, words and markers; 255 escapes to the next byte plus 200.
    for (std::size_t i = 0; i < size; ++i) {
        const bool escaped = data[i] == 255 && i + 1 < size;
        parser.push(escaped ? 200 + data[++i] : data[i], sink);
    }
    parser.finish(sink);
    return 0;
}
