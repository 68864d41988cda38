#include "http/request_log.h"

#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>

#include "base/utc_time.h"

namespace gptoss::http {

namespace {

std::atomic<bool> g_as_json = false;
// Begins a payload that is already an object of fields: ASCII's record separator, which no message has.
constexpr char kFieldsFollow = '\x1e';

class JsonFormatter final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
        api::Json json;
        json["time"] = utc_text_ms(
            std::chrono::duration_cast<std::chrono::milliseconds>(line.time.time_since_epoch()).count());
        const auto level = spdlog::level::to_string_view(line.level);
        json["level"] = std::string(level.data(), level.size());
        const std::string payload(line.payload.data(), line.payload.size());
        if (payload.starts_with(kFieldsFollow)) {
            json.update(api::Json::parse(payload.substr(1)));
        } else {
            json["message"] = payload;
        }
        const std::string text = api::to_text(json) + "\n";
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void log_as_json() {
    g_as_json = true;
    spdlog::set_formatter(std::make_unique<JsonFormatter>());
}

void log_fields(const std::string& message, const api::Json& fields) {
    if (g_as_json) {
        api::Json json{{"message", message}};
        json.update(fields);
        spdlog::info("{}{}", kFieldsFollow, api::to_text(json));
        return;
    }
    std::string line = message;
    for (const auto& [name, value] : fields.items())
        line += " " + name + "=" + (value.is_string() ? value.get<std::string>() : api::to_text(value));
    spdlog::info("{}", line);
}

void log_request(const ActiveRequest& request, int status) {
    // Probes and scrapes come every few seconds and say nothing.
    if (request.method != "POST" && request.method != "WEBSOCKET" && status < 400) return;
    log_fields("request", {{"id", request.id},
                           {"client", request.client},
                           {"method", request.method},
                           {"route", request.path},
                           {"status", status},
                           {"duration_ms", request.age_ms()},
                           {"prompt_tokens", request.prompt_tokens.load()},
                           {"cached_tokens", request.cached_tokens.load()},
                           {"completion_tokens", request.completion_tokens.load()}});
}

}  // namespace gptoss::http
