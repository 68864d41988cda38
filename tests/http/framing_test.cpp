#include "http/framing.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

HttpRequest request_with(const Fields& fields, int minor_version = 1) {
    HttpRequest request;
    request.minor_version = minor_version;
    for (const auto& [name, value] : fields) request.headers.add(name, value);
    return request;
}

int status_of(Fields fields, int minor_version = 1) {
    fields.emplace_back("Host", "x");
    const auto problem = find_framing_problem(request_with(fields, minor_version));
    return problem ? problem->status : 0;
}

TEST(Framing, TakesSoundRequests) {
    EXPECT_EQ(status_of({}), 0);
    EXPECT_EQ(status_of({{"Content-Length", "12"}}), 0);
    EXPECT_EQ(status_of({{"transfer-encoding", "Chunked"}}), 0);
    EXPECT_EQ(status_of({{"Transfer-Encoding", "chunked, "}}), 0);
    EXPECT_FALSE(find_framing_problem(request_with({{"Host", "[::1]:8080"}})));
    EXPECT_FALSE(find_framing_problem(request_with({{"Host", ""}})));
    EXPECT_FALSE(find_framing_problem(request_with({}, 0)));
}

TEST(Framing, WantsOneLengthOfDigits) {
    for (const char* wrong : {"", "-1", "+5", "5, 5", "0x5", "5 5", "18446744073709551616", "5a"})
        EXPECT_EQ(status_of({{"Content-Length", wrong}}), 400) << wrong;
    EXPECT_EQ(status_of({{"Content-Length", "5"}, {"Content-Length", "5"}}), 400);
    EXPECT_EQ(content_length_of(request_with({{"Content-Length", "17"}})), 17U);
    EXPECT_EQ(content_length_of(request_with({})), std::nullopt);
}

TEST(Framing, WantsNoCodingButOneChunked) {
    for (const char* wrong :
         {"xchunked", "chunked, identity", "chunked, chunked", "\"chunked\"", "", "gzip", "chunked;q=1"})
        EXPECT_EQ(status_of({{"Transfer-Encoding", wrong}}), 400) << wrong;
    for (const char* not_offered : {"gzip, chunked", "identity, chunked"})
        EXPECT_EQ(status_of({{"Transfer-Encoding", not_offered}}), 501) << not_offered;
    EXPECT_EQ(status_of({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}), 400);
    EXPECT_EQ(status_of({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}}), 400);
    EXPECT_EQ(status_of({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}), 400);
    EXPECT_EQ(status_of({{"Transfer-Encoding", "chunked"}}, 0), 400);
}

TEST(Framing, WantsOneHost) {
    EXPECT_TRUE(find_framing_problem(request_with({})));
    EXPECT_TRUE(find_framing_problem(request_with({{"Host", "a"}, {"host", "a"}})));
    EXPECT_TRUE(find_framing_problem(request_with({{"Host", "a, b"}})));
    EXPECT_TRUE(find_framing_problem(request_with({{"Host", "http://a"}})));
}

}  // namespace
}  // namespace gptoss::http
