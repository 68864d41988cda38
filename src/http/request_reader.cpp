#include "http/request_reader.h"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>

#include "http/request_target.h"

namespace gptoss::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

namespace {
constexpr std::size_t kPiece_bytes = 4096;
constexpr std::size_t kBodyPiece_bytes = std::size_t{16} << 10;
constexpr std::size_t kMostDropped_bytes = std::size_t{64} << 20;
}  // namespace

RequestReader::RequestReader(Connection& connection, std::size_t header_limit_bytes)
    : connection_(connection),
      header_limit_bytes_(header_limit_bytes),
      buffer_(header_limit_bytes + 2 * kBodyPiece_bytes) {}

asio::awaitable<RequestReader::Problem> RequestReader::read_header() {
    if (buffer_.size() == 0) buffer_.shrink_to_fit();  // an idle connection holds nothing
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(header_limit_bytes_));
    parser_->body_limit(boost::none);  // known of the header, and the body holds itself to it
    parser_->eager(false);
    return read_until(&Parser::is_header_done, header_limit_bytes_);
}

HttpRequest RequestReader::request() const {
    const auto& header = parser_->get();
    HttpRequest request;
    request.method = std::string(header.method_string());
    request.minor_version = static_cast<int>(header.version() % 10);
    for (const auto& field : header) {
        request.headers.add({field.name_string().data(), field.name_string().size()},
                            {field.value().data(), field.value().size()});
    }
    return request;
}

asio::awaitable<RequestReader::Problem> RequestReader::read_body(std::size_t limit_bytes,
                                                                 BodyBudget::Share share) {
    parser_->get().body() = {{}, limit_bytes, std::move(share)};
    parser_->eager(true);
    taken_bytes_ = 0;
    return read_until(&Parser::is_done, kChunkLineLimit_bytes);
}

// What Beast's async_read does, written out: compiled for two kinds of stream, it and its async_write took a
// third of the time that this room takes to compile.
asio::awaitable<RequestReader::Problem> RequestReader::read_until(bool (Parser::*done)() const,
                                                                  std::size_t line_limit_bytes) {
    const bool in_body = parser_->is_header_done();
    while (!((*parser_).*done)()) {
        Problem problem = beast_http::error::need_more;
        if (buffer_.size() > 0) {
            const std::size_t taken = parser_->put(buffer_.data(), problem);
            buffer_.consume(taken);
            taken_bytes_ += taken;
        }
        if (in_body && taken_bytes_ > parser_->get().body().text.size() + kChunkOverheadLimit_bytes)
            co_return beast_http::error::bad_chunk;
        if (!problem) continue;
        if (problem != beast_http::error::need_more) co_return problem;
        if (buffer_.size() > line_limit_bytes)
            co_return in_body ? beast_http::error::bad_chunk : beast_http::error::header_limit;
        const auto [read_problem, size_bytes] =
            co_await connection_.read_some(buffer_, in_body ? kBodyPiece_bytes : kPiece_bytes);
        if (read_problem == asio::error::eof) {
            if (!parser_->got_some()) co_return beast_http::error::end_of_stream;
            parser_->put_eof(problem);
            co_return problem ? problem : Problem(beast_http::error::partial_message);
        }
        if (read_problem) co_return read_problem;
        buffer_.commit(size_bytes);
    }
    co_return Problem();
}

asio::awaitable<bool> RequestReader::wait_for_bytes() {
    const auto [problem, size_bytes] = co_await connection_.read_some(buffer_, kPiece_bytes);
    buffer_.commit(problem ? 0 : size_bytes);
    co_return !problem;
}

asio::awaitable<void> RequestReader::drop_rest() {
    for (std::size_t dropped = 0; dropped < kMostDropped_bytes;) {
        buffer_.clear();
        const auto [problem, size_bytes] = co_await connection_.read_some(buffer_, kBodyPiece_bytes);
        if (problem) break;
        dropped += size_bytes;
    }
    buffer_.clear();
}

}  // namespace gptoss::http
