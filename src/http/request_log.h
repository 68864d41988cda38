// Logs for people or, as JSON, for machines; and the one line each request leaves. What a request says and
// what is answered never stands in a log.
#pragma once

#include "api/json_reader.h"
#include "http/active_requests.h"

namespace gptoss::http {

// From now on every line is a JSON object: time, level, message, and the fields of what is logged with some.
void log_as_json();

// "message name=value …", or the same as fields of a JSON line.
void log_fields(const std::string& message, const api::Json& fields);

// A request that is over. 499: its client went away before.
void log_request(const ActiveRequest& request, int status);

}  // namespace gptoss::http
