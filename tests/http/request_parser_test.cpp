#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <boost/beast/http/error.hpp>

#include "base/limits.h"

namespace gptoss::http {
namespace {

using Problem = RequestParser::Problem;
using boost::beast::http::error;

constexpr std::size_t kHeaderLimit_bytes = 200;

struct Reading {
    std::string told;  // methods, targets and bodies
    Problem problem;   // what ended it
};

// Reads requests out of `bytes`, which come in pieces, until one is refused or the bytes are over.
Reading read(std::string_view bytes, std::size_t piece_bytes) {
    BodyBudget budget(1000, 1000);
    RequestParser parser;
    boost::beast::flat_buffer buffer;
    Reading reading;
    bool in_body = false;
    parser.begin_header(kHeaderLimit_bytes);
    for (;;) {
        const Problem problem = parser.advance(buffer);
        if (problem == error::need_more) {
            if (bytes.empty()) return {reading.told, parser.end_of_bytes()};
            const std::size_t size = std::min(piece_bytes, bytes.size());
            std::copy_n(bytes.data(), size, static_cast<char*>(buffer.prepare(size).data()));
            buffer.commit(size);
            bytes.remove_prefix(size);
        } else if (problem) {
            return {reading.told, problem};
        } else if (!in_body) {
            reading.told += parser.request().method + " " + std::string(parser.target()) + "\n";
            parser.begin_body(500, BodyBudget::Share(budget, "client"));
            in_body = true;
        } else {
            reading.told += parser.take_body().text + "\n";
            parser.begin_header(kHeaderLimit_bytes);
            in_body = false;
        }
    }
}

const std::string kRequest = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok";
const std::string kChunked =
    "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\nX-T: y\r\n\r\n";

// Found by fuzz_http_request: what is wrong in a header's middle was noticed at once or never, by where the
// bytes had been cut.
TEST(RequestParser, ReadsTheSameHoweverTheBytesAreCut) {
    const std::string cases[] = {
        kRequest + kChunked + kRequest,
        kRequest +
            "GET /version HTTP/1.1\r\nHost: x\r\n\xff"
            "0",
        kRequest + "GET /version HTTP/1.1\r\nHo st: x\r\n",
        kRequest + "GET /version HTTP/1.1\r\nHo st: x\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1",
        "\r\n" + kRequest,
        "GET /" + std::string(300, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: " + std::string(300, 'a') + "\r\n\r\n",
        "GET / HTTP/1.1\r\nA b: " + std::string(300, 'a') + "\r\n\r\n",
    };
    for (const std::string& bytes : cases) {
        const Reading whole = read(bytes, bytes.size());
        for (std::size_t piece_bytes = 1; piece_bytes < 40; ++piece_bytes) {
            const Reading cut = read(bytes, piece_bytes);
            EXPECT_EQ(cut.told, whole.told) << bytes << "\nin pieces of " << piece_bytes;
            EXPECT_EQ(cut.problem, whole.problem) << bytes << "\nin pieces of " << piece_bytes << ": "
                                                  << cut.problem.message() << ", " << whole.problem.message();
        }
    }
}

TEST(RequestParser, RefusesWhatIsNoHeader) {
    EXPECT_EQ(read(kRequest, 1).problem, error::end_of_stream);
    EXPECT_EQ(read("GET / HTT", 4).problem, error::partial_message);
    EXPECT_EQ(read("GET / HTTP/1.1\n", 4).problem, error::bad_line_ending);
    EXPECT_EQ(read("GET / HTTP/2.0\r\n", 4).problem, error::bad_version);
    EXPECT_EQ(read("GET / HTTP/1.1\r\nHost: x\n\n", 4).problem, error::bad_value);
    EXPECT_EQ(read("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 4).problem, error::bad_field);
    EXPECT_EQ(read("\x16\x03\x01", 4).problem, error::bad_method);  // how TLS begins
}

TEST(RequestParser, CountsTheRequestLineToTheHeader) {
    const auto with_target_of = [](std::size_t bytes) {
        return "GET /" + std::string(bytes, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n";
    };
    const std::size_t rest_bytes = with_target_of(0).size();
    EXPECT_EQ(read(with_target_of(kHeaderLimit_bytes - rest_bytes), 7).problem, error::end_of_stream);
    EXPECT_EQ(read(with_target_of(kHeaderLimit_bytes - rest_bytes + 1), 7).problem, error::header_limit);
}

}  // namespace
}  // namespace gptoss::http
