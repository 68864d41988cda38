#include "http/request_reader.h"

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/error.hpp>

namespace gptoss::http {

namespace asio = boost::asio;

namespace {
constexpr std::size_t kPiece_bytes = 4096;
constexpr std::size_t kBodyPiece_bytes = std::size_t{32} << 10;
constexpr std::size_t kUnpaced_bytes = std::size_t{64} << 10;  // of each request
constexpr std::size_t kMostDropped_bytes = std::size_t{64} << 20;
}  // namespace

RequestReader::RequestReader(Connection& connection, std::size_t header_limit_bytes, ReadPace& pace)
    : connection_(connection),
      pace_(pace),
      header_limit_bytes_(header_limit_bytes),
      buffer_(header_limit_bytes + 2 * kBodyPiece_bytes) {}

asio::awaitable<RequestReader::Problem> RequestReader::read_header() {
    if (buffer_.size() == 0) buffer_.shrink_to_fit();  // an idle connection holds nothing
    parser_.begin_header(header_limit_bytes_);
    return read_until_complete(kPiece_bytes);
}

asio::awaitable<RequestReader::Problem> RequestReader::read_body(std::size_t limit_bytes,
                                                                 BodyBudget::Share share) {
    parser_.begin_body(limit_bytes, std::move(share));
    return read_until_complete(kBodyPiece_bytes);
}

// What Beast's async_read does, written out: compiled for two kinds of stream, it and its async_write took a
// third of the time that this room takes to compile.
asio::awaitable<RequestReader::Problem> RequestReader::read_until_complete(std::size_t piece_bytes) {
    for (std::size_t read_bytes = 0;;) {
        const Problem problem = parser_.advance(buffer_);
        if (problem != boost::beast::http::error::need_more) co_return problem;
        if (read_bytes > kUnpaced_bytes) co_await keep_pace(piece_bytes);
        const auto [read_problem, size_bytes] = co_await connection_.read_some(buffer_, piece_bytes);
        read_bytes += size_bytes;
        if (read_problem == asio::error::eof) co_return parser_.end_of_bytes();
        if (read_problem) co_return read_problem;
        buffer_.commit(size_bytes);
    }
}

asio::awaitable<void> RequestReader::keep_pace(std::size_t bytes) {
    const auto wait = pace_.wait_before(bytes);
    if (wait.count() == 0) co_return;
    asio::steady_timer turn(connection_.executor(), wait);
    co_await turn.async_wait(kTuple);
}

asio::awaitable<bool> RequestReader::wait_for_bytes() {
    const auto [problem, size_bytes] = co_await connection_.read_some(buffer_, kPiece_bytes);
    buffer_.commit(problem ? 0 : size_bytes);
    co_return !problem;
}

asio::awaitable<void> RequestReader::drop_rest() {
    // Where many send what is refused, their connections are reset instead: what the system holds of them would
    // take the memory that it has for everybody's.
    for (std::size_t dropped = 0; dropped < kMostDropped_bytes && !pace_.is_crowded();) {
        buffer_.clear();
        co_await keep_pace(kBodyPiece_bytes);
        const auto [problem, size_bytes] = co_await connection_.read_some(buffer_, kBodyPiece_bytes);
        if (problem) break;
        dropped += size_bytes;
    }
    buffer_.clear();
}

}  // namespace gptoss::http
