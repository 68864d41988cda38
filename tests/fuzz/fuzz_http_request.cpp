// Any bytes on a connection, in pieces of any size: requests, refusals, and a buffer that stays within its bound.
// How the bytes were cut into pieces must not change what was read.
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/limits.h"
#include "http/framing.h"
#include "http/media_type.h"
#include "http/origin.h"
#include "http/request_parser.h"
#include "http/request_target.h"

namespace {

using namespace gptoss;

constexpr std::size_t kHeaderLimit_bytes = 2000;
constexpr std::size_t kBodyLimit_bytes = 3000;

void require(bool holds) {
    if (!holds) std::abort();
}

// Reads requests until one is refused or the bytes are over, as a session does; tells what it read.
std::string read_all(std::string_view bytes, std::size_t piece_bytes) {
    http::BodyBudget budget(4000, 4000);
    http::RequestParser parser;
    boost::beast::flat_buffer buffer;
    std::string told;
    bool in_body = false;
    parser.begin_header(kHeaderLimit_bytes);
    for (;;) {
        const auto problem = parser.advance(buffer);
        if (problem == boost::beast::http::error::need_more) {
            require(buffer.size() <= (in_body ? limits::kChunkLineBytes : kHeaderLimit_bytes));
            if (bytes.empty()) return told + "end " + parser.end_of_bytes().message();
            const std::size_t size = std::min(piece_bytes, bytes.size());
            const auto room = buffer.prepare(size);
            std::copy_n(bytes.data(), size, static_cast<char*>(room.data()));
            buffer.commit(size);
            bytes.remove_prefix(size);
            continue;
        }
        if (problem) return told + "problem";
        if (!in_body) {
            http::HttpRequest request = parser.request();
            const auto target = http::read_request_target(parser.target());
            request.authority = std::string(request.headers.value("Host"));
            http::is_own_host({}, request.authority);
            http::refuse_foreign({}, request);
            http::refuse_media_type(request);
            told += request.method + " " + (target ? target->path : "none") + "\n";
            if (http::find_framing_problem(request)) return told + "refused";
            parser.begin_body(kBodyLimit_bytes, http::BodyBudget::Share(budget, "client"));
            in_body = true;
        } else {
            const auto body = parser.take_body();
            require(body.text.size() <= kBodyLimit_bytes && budget.held_bytes() == body.text.size());
            told += body.text + "\n";
            parser.begin_header(kHeaderLimit_bytes);
            in_body = false;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    require(read_all(bytes, bytes.size() + 1) == read_all(bytes, data[0] % 40 + 1));
    return 0;
}
