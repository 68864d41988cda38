#include "base/utc_time.h"

#include <ctime>

#include "base/check.h"

namespace gptoss {
namespace {

std::string formatted(std::int64_t time_s, const char* format) {
    const auto time = static_cast<std::time_t>(time_s);
    std::tm calendar{};
    gmtime_r(&time, &calendar);
    char text[40];
    return {text, std::strftime(text, sizeof text, format, &calendar)};
}

}  // namespace

std::int64_t now_s() {
    return std::time(nullptr);
}

std::string utc_text(std::int64_t time_s) {
    return formatted(time_s, "%Y-%m-%dT%H:%M:%SZ");
}

std::string utc_text_ms(std::int64_t time_ms) {
    check(time_ms >= 0, "times are after 1970");
    const std::string milliseconds =
        std::to_string(1000 + time_ms % 1000);  // four digits: the first is dropped
    return formatted(time_ms / 1000, "%Y-%m-%dT%H:%M:%S.") + milliseconds.substr(1) + "Z";
}

std::string utc_date(std::int64_t time_s) {
    return formatted(time_s, "%Y-%m-%d");
}

}  // namespace gptoss
