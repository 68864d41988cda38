// A request as handlers see it.
#pragma once

#include <string>

#include "http/headers.h"

namespace gptoss::http {

struct HttpRequest {
    std::string method;
    std::string path;       // without the query, percent-decoded
    std::string rest = {};  // what a route's path ending in "*" stands for
    std::string body = {};
    Headers headers = {};
    std::string query = {};      // after the "?", as it was sent
    std::string authority = {};  // host and port it was sent to: of an absolute target, else of Host
    int minor_version = 1;       // HTTP/1.x
    bool absolute_target = false;

    // A body follows the header. Its size is known unless it comes in chunks.
    bool has_body() const {
        return headers.count("Transfer-Encoding") > 0 ||
               headers.value("Content-Length").find_first_not_of('0') != std::string_view::npos;
    }
};

}  // namespace gptoss::http
