#include "http/reply_writer.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>  // the header as text
#include <cstdio>
#include <sstream>
#include <string>

#include "http/replies.h"

namespace gptoss::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

namespace {

using Response = beast_http::response<beast_http::empty_body>;

Response make_response(const ReplyWriter::Manner& manner, int status) {
    Response response(static_cast<beast_http::status>(status), manner.chunked ? 11 : 10);
    response.set(beast_http::field::server, "gpt-oss-node/" GPTOSS_VERSION);
    response.set(kRequestIdField, manner.request_id);
    const auto took = std::chrono::steady_clock::now() - manner.began;
    response.set("openai-processing-ms",
                 std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    for (const auto& [name, value] : manner.fields) response.insert(name, value);
    response.keep_alive(manner.keep_alive);
    return response;
}

std::string header_text(const beast_http::response_header<>& header) {
    std::ostringstream text;
    text << header;
    return std::move(text).str();
}

// Neither has a body, and a length would say that it had one (RFC 9110, section 8.6).
bool has_length(int status) {
    return status != 204 && status != 304;
}

}  // namespace

asio::awaitable<bool> ReplyWriter::write_continue() {
    return write("HTTP/1.1 100 Continue\r\n\r\n");
}

asio::awaitable<bool> ReplyWriter::write_reply(const api::HttpResponse& reply) {
    Response response = make_response(manner, reply.status);
    if (!reply.body.empty()) response.set(beast_http::field::content_type, reply.content_type);
    for (const auto& [name, value] : reply.headers) response.insert(name, value);
    if (has_length(reply.status)) response.content_length(reply.body.size());
    std::string bytes = header_text(response.base());
    if (!manner.head_only) bytes += reply.body;
    return write(std::move(bytes));
}

asio::awaitable<bool> ReplyWriter::begin_stream() {
    if (!manner.chunked) manner.keep_alive = false;
    Response response = make_response(manner, 200);
    response.set(beast_http::field::content_type, "text/event-stream; charset=utf-8");
    response.set(beast_http::field::cache_control, "no-cache");
    response.set("X-Accel-Buffering", "no");  // asks nginx not to collect the stream
    if (manner.chunked) response.chunked(true);
    return write(header_text(response.base()));
}

asio::awaitable<bool> ReplyWriter::write_piece(const std::string& bytes) {
    if (!manner.chunked) return write(bytes);
    char size[2 * sizeof(std::size_t) + sizeof "\r\n"];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return write(size + bytes + "\r\n");
}

asio::awaitable<bool> ReplyWriter::end_stream() {
    if (!manner.chunked) co_return true;
    co_return co_await write("0\r\n\r\n");
}

asio::awaitable<bool> ReplyWriter::write(std::string bytes) {
    connection_.expires_after(manner.timeout);
    const auto problem = co_await connection_.write(bytes);
    connection_.expires_never();
    co_return !problem;
}

}  // namespace gptoss::http
