// Wall-clock time as the wire formats tell it.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

namespace gptoss::api {

// Seconds since 1970.
inline std::int64_t now_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// "2026-11-22T08:30:00Z"
inline std::string iso_time(std::int64_t time_s) {
    const auto time = static_cast<std::time_t>(time_s);
    std::tm calendar{};
    gmtime_r(&time, &calendar);
    char text[sizeof "2026-11-22T08:30:00Z"];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &calendar);
    return text;
}

}  // namespace gptoss::api
