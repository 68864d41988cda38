// Reads one request after another from a connection, in a buffer that has a bound: the header first, so that
// it can be answered before any of the body is read.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "http/bounded_body.h"
#include "http/connection.h"
#include "http/request.h"

namespace gptoss::http {

// What a body may be beside its own bytes: chunk sizes, chunk extensions and trailers.
inline constexpr std::size_t kChunkLineLimit_bytes = std::size_t{16} << 10;  // one of them; trailers together
inline constexpr std::size_t kChunkOverheadLimit_bytes = std::size_t{1} << 20;  // all of one body

class RequestReader {
  public:
    using Problem = Connection::Problem;

    RequestReader(Connection& connection, std::size_t header_limit_bytes);

    // Beast's error codes: end_of_stream for a connection that ended between requests, header_limit for a
    // header that is too long, and what is wrong with one that is no HTTP/1.1.
    boost::asio::awaitable<Problem> read_header();

    // The header read last, or as much of it as could be read; the body is empty.
    HttpRequest request() const;
    std::string_view target() const {
        return {parser_->get().target().data(), parser_->get().target().size()};
    }
    bool keep_alive() const { return parser_->get().keep_alive(); }

    // Only once for each header. body_limit when it is larger than `limit_bytes`; budget_exhausted() when
    // `share` has no room; bad_chunk for chunk lines beyond the limits above.
    boost::asio::awaitable<Problem> read_body(std::size_t limit_bytes, BodyBudget::Share share);
    // What was read, and the budget it takes.
    BoundedBody::value_type take_body() { return std::move(parser_->get().body()); }

    // Waits until the client sends something ahead, or is gone (false). Only while nothing else reads.
    boost::asio::awaitable<bool> wait_for_bytes();
    bool has_bytes() const { return buffer_.size() > 0; }

    // Reads and drops what the client still sends, so that it gets to read the reply; until it stops, or the
    // connection's deadline.
    boost::asio::awaitable<void> drop_rest();

    boost::beast::flat_buffer& unread() { return buffer_; }

  private:
    using Parser = boost::beast::http::request_parser<BoundedBody>;

    // Feeds the parser until `done`; at most `line_limit_bytes` may stay in the buffer undecided.
    boost::asio::awaitable<Problem> read_until(bool (Parser::*done)() const, std::size_t line_limit_bytes);

    Connection& connection_;
    std::size_t header_limit_bytes_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::size_t taken_bytes_ = 0;  // by the parser, of the body and what frames it
};

}  // namespace gptoss::http
