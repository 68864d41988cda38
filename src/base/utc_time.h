// Wall-clock time, and the text in which files, logs and the wire formats hold it: ISO 8601, UTC.
#pragma once

#include <cstdint>
#include <string>

namespace gptoss {

// Seconds since 1970.
std::int64_t now_s();

// "2026-11-22T08:30:00Z"
std::string utc_text(std::int64_t time_s);
// "2026-11-22T08:30:00.250Z"
std::string utc_text_ms(std::int64_t time_ms);
// "2026-11-22"
std::string utc_date(std::int64_t time_s);

}  // namespace gptoss
