// A request's bytes, wherever they come from: the header, then the body, each with a bound on what may stay
// undecided. Beast's parser does the reading.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "http/bounded_body.h"
#include "http/http_request.h"

namespace gptoss::http {

class RequestParser {
  public:
    using Problem = boost::system::error_code;

    RequestParser() = default;
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    // A new request.
    void begin_header(std::size_t limit_bytes);
    // Once its header is there. `share`: what the body takes of the server's budget.
    void begin_body(std::size_t limit_bytes, BodyBudget::Share share);

    // Takes what it can from `bytes`. No error: the header, or then the body, is complete. need_more: it is not.
    // Otherwise one of Beast's error codes: header_limit and body_limit beyond the limits, bad_chunk for chunk
    // lines and trailers beyond limits::kChunkLineBytes or, of all chunks of a body, kChunkOverheadBytes;
    // budget_exhausted() when `share` has no room.
    Problem advance(boost::beast::flat_buffer& bytes);

    // The bytes are over: end_of_stream between two requests, else partial_message.
    Problem end_of_bytes() const;

    // What is known of the header; the body is empty. With the target as it was sent.
    HttpRequest request() const;
    std::string_view target() const;
    bool keep_alive() const { return parser_->get().keep_alive(); }
    BoundedBody::value_type take_body() { return std::move(parser_->get().body()); }

  private:
    using Parser = boost::beast::http::request_parser<BoundedBody>;

    Problem advance_header(boost::beast::flat_buffer& bytes);
    Problem advance_body(boost::beast::flat_buffer& bytes);
    // How many of `bytes` are whole: the request line, or then all fields with the empty line behind them.
    // 0 while they are not.
    std::size_t find_end(std::string_view bytes);
    Problem put(boost::beast::flat_buffer& bytes, std::size_t most_bytes);

    std::optional<Parser> parser_;
    // Called with a chunk's size before any of it comes.
    std::function<void(std::uint64_t size, boost::beast::string_view extensions, Problem& problem)>
        check_chunk_;
    std::size_t limit_bytes_ = 0;    // of what may stay undecided
    std::size_t taken_bytes_ = 0;    // of the header, or of the body and what frames it
    std::size_t scanned_bytes_ = 0;  // of those that wait: looked through for ends of lines
    std::size_t line_at_ = 0;        // where the last of their lines begins
    bool has_request_line_ = false;
    bool in_body_ = false;
};

}  // namespace gptoss::http
