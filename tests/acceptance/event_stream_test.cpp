#include "acceptance/event_stream.h"

#include <gtest/gtest.h>

namespace gptoss::acceptance {
namespace {

std::vector<std::string> read_in_pieces(const std::string& stream, std::size_t piece_bytes) {
    EventReader reader;
    std::vector<Event> events;
    for (std::size_t at = 0; at < stream.size(); at += piece_bytes)
        reader.push(std::string_view(stream).substr(at, piece_bytes), Clock::now(), events);
    std::vector<std::string> texts;
    for (const Event& event : events) texts.push_back(event.data);
    return texts;
}

// However the network cuts a stream, the events are the same.
TEST(EventStream, ReadsEventsCutAnywhere) {
    const std::string stream =
        ": comment\n\nevent: x\ndata: {\"a\":1}\n\ndata:no blank\r\n\r\ndata: two\ndata: lines\n\nid: "
        "3\n\ndata:\n\ndata: [DONE]\n\ndata: cut";
    const std::vector<std::string> expected{"{\"a\":1}", "no blank", "two\nlines", "", "[DONE]"};
    for (std::size_t piece_bytes = 1; piece_bytes <= stream.size(); ++piece_bytes)
        EXPECT_EQ(read_in_pieces(stream, piece_bytes), expected) << piece_bytes;
}

}  // namespace
}  // namespace gptoss::acceptance
