#include "http/request_parser.h"

#include <boost/beast/http/error.hpp>

#include "base/limits.h"

namespace gptoss::http {

namespace beast_http = boost::beast::http;

void RequestParser::begin_header(std::size_t limit_bytes) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limit_bytes) + 1);  // never reached: held to it here
    parser_->body_limit(boost::none);  // known from the header, and the body holds itself to it
    parser_->eager(false);
    limit_bytes_ = limit_bytes;
    taken_bytes_ = scanned_bytes_ = line_at_ = 0;
    has_request_line_ = false;
    in_body_ = false;
}

void RequestParser::begin_body(std::size_t limit_bytes, BodyBudget::Share share) {
    parser_->get().body() = {{}, limit_bytes, std::move(share)};
    parser_->eager(true);
    check_chunk_ = [this](std::uint64_t size, boost::beast::string_view, Problem& problem) {
        const auto& body = parser_->get().body();
        if (size > body.limit_bytes - body.text.size()) problem = beast_http::error::body_limit;
    };
    parser_->on_chunk_header(check_chunk_);
    limit_bytes_ = limits::kChunkLineBytes;
    taken_bytes_ = 0;
    in_body_ = true;
}

RequestParser::Problem RequestParser::advance(boost::beast::flat_buffer& bytes) {
    return in_body_ ? advance_body(bytes) : advance_header(bytes);
}

// Beast notices what is wrong with a header sooner or later, by how its bytes were cut into pieces. So it gets
// the request line and the fields when they are whole: what is made of a request depends on its bytes alone.
RequestParser::Problem RequestParser::advance_header(boost::beast::flat_buffer& bytes) {
    while (!parser_->is_header_done()) {
        const std::string_view waiting(static_cast<const char*>(bytes.data().data()), bytes.size());
        // Whoever speaks another protocol (TLS, most likely) hears of it before a line's end.
        if (!has_request_line_ && !waiting.empty() && (waiting[0] <= ' ' || waiting[0] > '~'))
            return beast_http::error::bad_method;
        const std::size_t end = find_end(waiting);
        if (taken_bytes_ + (end > 0 ? end : waiting.size()) > limit_bytes_)
            return beast_http::error::header_limit;
        if (end == 0) return beast_http::error::need_more;
        const bool is_request_line = !std::exchange(has_request_line_, true);
        scanned_bytes_ = line_at_ = 0;
        const Problem problem = put(bytes, end);
        if (problem && problem != beast_http::error::need_more) return problem;
        const bool is_taken = is_request_line ? waiting.size() - bytes.size() == end : !problem;
        if (!is_taken) return beast_http::error::bad_line_ending;  // a line feed alone
    }
    return {};
}

std::size_t RequestParser::find_end(std::string_view bytes) {
    for (;;) {
        const std::size_t feed = bytes.find('\n', scanned_bytes_);
        if (feed == std::string_view::npos) {
            scanned_bytes_ = bytes.size();
            return 0;
        }
        const std::string_view line = bytes.substr(line_at_, feed - line_at_);
        scanned_bytes_ = line_at_ = feed + 1;
        if (!has_request_line_ || line.empty() || line == "\r") return feed + 1;
    }
}

RequestParser::Problem RequestParser::advance_body(boost::beast::flat_buffer& bytes) {
    while (!parser_->is_done()) {
        Problem problem = beast_http::error::need_more;
        if (bytes.size() > 0) problem = put(bytes, bytes.size());
        if (taken_bytes_ > parser_->get().body().text.size() + limits::kChunkOverheadBytes)
            return beast_http::error::bad_chunk;
        if (problem == beast_http::error::need_more && bytes.size() > limit_bytes_)
            return beast_http::error::bad_chunk;
        if (problem) return problem;
    }
    return {};
}

RequestParser::Problem RequestParser::put(boost::beast::flat_buffer& bytes, std::size_t most_bytes) {
    Problem problem;
    const std::size_t taken = parser_->put(boost::asio::buffer(bytes.data(), most_bytes), problem);
    bytes.consume(taken);
    taken_bytes_ += taken;
    return problem;
}

RequestParser::Problem RequestParser::end_of_bytes() const {
    return parser_->got_some() || scanned_bytes_ > 0 ? beast_http::error::partial_message
                                                     : beast_http::error::end_of_stream;
}

HttpRequest RequestParser::request() const {
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

std::string_view RequestParser::target() const {
    return {parser_->get().target().data(), parser_->get().target().size()};
}

}  // namespace gptoss::http
