// Reads one request after another from a connection, in a buffer that has a bound: the header first, so that
// it can be answered before any of the body is read.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstddef>
#include <utility>

#include "http/connection.h"
#include "http/read_pace.h"
#include "http/request_parser.h"

namespace gptoss::http {

class RequestReader {
  public:
    using Problem = Connection::Problem;

    RequestReader(Connection& connection, std::size_t header_limit_bytes, ReadPace& pace);

    // Problems are those of RequestParser and of the connection.
    boost::asio::awaitable<Problem> read_header();
    // Only once for each header.
    boost::asio::awaitable<Problem> read_body(std::size_t limit_bytes, BodyBudget::Share share);

    // What was read last, or as much of it as could be.
    const RequestParser& parsed() const { return parser_; }
    BoundedBody::value_type take_body() { return parser_.take_body(); }

    // Waits until the client sends something ahead, or is gone (false). Only while nothing else reads.
    boost::asio::awaitable<bool> wait_for_bytes();
    bool has_bytes() const { return buffer_.size() > 0; }
    boost::beast::flat_buffer& unread() { return buffer_; }

    // Reads and drops what the client still sends, so that it gets to read the reply; until it stops, or the
    // connection's deadline.
    boost::asio::awaitable<void> drop_rest();

  private:
    boost::asio::awaitable<Problem> read_until_complete(std::size_t piece_bytes);
    // Waits for this connection's turn.
    boost::asio::awaitable<void> keep_pace(std::size_t bytes);

    Connection& connection_;
    ReadPace& pace_;
    std::size_t header_limit_bytes_;
    boost::beast::flat_buffer buffer_;
    RequestParser parser_;
};

}  // namespace gptoss::http
