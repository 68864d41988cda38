#include "api/error_reply.h"

#include "base/number_text.h"

namespace gptoss::api {

namespace {

constexpr std::string_view kRetryAfterFact = "retry_after_s";
constexpr int kUsualRetryAfter_s = 1;

const std::string* find_fact(const Error& error, std::string_view name) {
    for (const auto& [key, value] : error.facts()) {
        if (key == name) return &value;
    }
    return nullptr;
}

// Facts are text inside the program; counts are numbers on the wire.
Json fact_value(const std::string& text) {
    if (const auto number = number_of<std::int64_t>(text)) return *number;
    return text;
}

std::string_view openai_type(int status) {
    if (status == 401) return "authentication_error";
    if (status == 429) return "rate_limit_error";
    return status < 500 ? "invalid_request_error" : "server_error";
}

Json openai_code(const Error& error) {
    switch (error.code()) {
        case ErrorCode::context_exceeded:
            return "context_length_exceeded";
        case ErrorCode::unauthorized:
            return "invalid_api_key";
        case ErrorCode::request_invalid:
            return nullptr;
        case ErrorCode::not_found:
            return find_fact(error, "model") != nullptr ? "model_not_found" : "not_found";
        default:
            return to_string(error.code());
    }
}

std::string_view inference_type(const Error& error, int status) {
    switch (status) {
        case 400:
            return find_fact(error, "param") != nullptr ? "validation_error" : "invalid_request";
        case 401:
            return "unauthorized";
        case 404:
            return find_fact(error, "model") != nullptr ? "model_not_found" : "not_found";
        case 405:
            return "method_not_allowed";
        case 429:
            return "rate_limit_exceeded";
        case 503:
            return "service_unavailable";
        default:
            return "internal_error";
    }
}

}  // namespace

std::string message_with_hint(const Error& error) {
    return error.hint().empty() ? std::string(error.what()) : std::string(error.what()) + " " + error.hint();
}

int http_status(ErrorCode code) {
    switch (code) {
        case ErrorCode::request_invalid:
        case ErrorCode::context_exceeded:
            return 400;
        case ErrorCode::unauthorized:
            return 401;
        case ErrorCode::not_found:
            return 404;
        case ErrorCode::queue_full:
            return 429;
        case ErrorCode::shutting_down:
        case ErrorCode::cancelled:
        case ErrorCode::device_failed:
        case ErrorCode::hash_mismatch:
            return 503;
        default:
            return 500;
    }
}

std::optional<int> retry_after_s(const Error& error) {
    const int status = http_status(error.code());
    if (status != 429 && status != 503) return std::nullopt;
    const std::string* fact = find_fact(error, kRetryAfterFact);
    const auto seconds = fact == nullptr ? std::nullopt : number_of<int>(*fact);
    return seconds.value_or(kUsualRetryAfter_s);
}

Json openai_error(const Error& error) {
    Json body;
    body["message"] = message_with_hint(error);
    body["type"] = openai_type(http_status(error.code()));
    body["param"] = nullptr;
    body["code"] = openai_code(error);
    for (const auto& [key, value] : error.facts())
        body[key] = key == "param" ? Json(value) : fact_value(value);
    return Json{{"error", std::move(body)}};
}

HttpResponse inference_error_reply(const Error& error, const std::string& request_id) {
    HttpResponse reply = json_reply(inference_error(error, request_id), http_status(error.code()));
    add_retry_after(reply, error);
    return reply;
}

void add_retry_after(HttpResponse& reply, const Error& error) {
    if (const auto wait_s = retry_after_s(error))
        reply.headers.emplace_back("Retry-After", std::to_string(*wait_s));
}

Json inference_error(const Error& error, const std::string& request_id) {
    Json body;
    body["error_type"] = inference_type(error, http_status(error.code()));
    body["message"] = message_with_hint(error);
    body["request_id"] = request_id.empty() ? Json(nullptr) : Json(request_id);
    Json details = Json::object();
    for (const auto& [key, value] : error.facts()) {
        if (key == "param") {
            details["field"] = value;
        } else if (key == kRetryAfterFact) {
            details["retry_after"] = fact_value(value);
        } else if (key == "context_length") {
            details["context_window_size"] = fact_value(value);
        } else {
            details[key] = fact_value(value);
        }
    }
    body["details"] = details.empty() ? Json(nullptr) : std::move(details);
    return body;
}

}  // namespace gptoss::api
