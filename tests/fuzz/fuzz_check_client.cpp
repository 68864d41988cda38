// Any bytes as what a server that `check` asks answers: an event stream, a whole answer, a page of metrics.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "acceptance/answer.h"
#include "acceptance/event_stream.h"
#include "acceptance/load_reading.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss::acceptance;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    read_metrics(bytes);
    Answer whole;
    read_whole_answer(std::string(bytes), whole);

    // The same events however the bytes are cut: the first byte says where.
    EventReader at_once, in_pieces;
    std::vector<Event> expected, events;
    at_once.push(bytes, {}, expected);
    const std::size_t piece = size == 0 ? 1 : data[0] % 16 + 1;
    for (std::size_t i = 0; i < size; i += piece) in_pieces.push(bytes.substr(i, piece), {}, events);
    if (events.size() != expected.size()) __builtin_trap();
    Answer streamed;
    for (const Event& event : events) read_event(event, 1, streamed);
    return 0;
}
