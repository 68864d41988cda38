// What a body must be called before it is read.
#pragma once

#include <optional>

#include "api/response_stream.h"
#include "http/http_request.h"

namespace gptoss::http {

// True for application/json and …+json.
bool says_json(const HttpRequest& request);

// The 415 of a body that is compressed, or of a type that is not taken for JSON: a web page may send
// text/plain and multipart/form-data to any address without being asked for permission. Without a type, and
// as application/x-www-form-urlencoded, which curl says by itself, a body is taken for JSON.
std::optional<api::HttpResponse> refuse_media_type(const HttpRequest& request);

}  // namespace gptoss::http
