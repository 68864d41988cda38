#include "http/request_parser.h"

#include <boost/beast/http/error.hpp>

#include "base/limits.h"

namespace gptoss::http {

namespace beast_http = boost::beast::http;

void RequestParser::begin_header(std::size_t limit_bytes) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limit_bytes));
    parser_->body_limit(boost::none);  // known from the header, and the body holds itself to it
    parser_->eager(false);
    limit_bytes_ = limit_bytes;
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
    while (!(in_body_ ? parser_->is_done() : parser_->is_header_done())) {
        Problem problem = beast_http::error::need_more;
        if (bytes.size() > 0) {
            const std::size_t taken = parser_->put(bytes.data(), problem);
            bytes.consume(taken);
            taken_bytes_ += taken;
        }
        if (in_body_ && taken_bytes_ > parser_->get().body().text.size() + limits::kChunkOverheadBytes)
            return beast_http::error::bad_chunk;
        if (problem == beast_http::error::need_more && bytes.size() > limit_bytes_)
            return in_body_ ? beast_http::error::bad_chunk : beast_http::error::header_limit;
        if (problem) return problem;
    }
    return {};
}

RequestParser::Problem RequestParser::end_of_bytes() const {
    return parser_->got_some() ? beast_http::error::partial_message : beast_http::error::end_of_stream;
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
