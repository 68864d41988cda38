#include "grammar/string_formats.h"

namespace gptoss::grammar {
namespace {

// RFC 3339, with the days that each month has; the 29th of February in leap years only.
std::string date_pattern() {
    const std::string leap_year = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
    return "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
           "|02-(0[1-9]|1[0-9]|2[0-8]))|" +
           leap_year + "-02-29)";
}

std::string time_pattern() {
    return "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
}

// ISO 8601 as RFC 3339 appendix A writes it: units descend, at least one is there.
std::string duration_pattern() {
    const std::string n = "[0-9]{1,9}";
    const std::string time = "T(" + n + "H(" + n + "M(" + n + "S)?)?|" + n + "M(" + n + "S)?|" + n + "S)";
    const std::string date = "(" + n + "D|" + n + "M(" + n + "D)?|" + n + "Y(" + n + "M(" + n + "D)?)?)";
    return "P(" + date + "(" + time + ")?|" + time + "|" + n + "W)";
}

std::string ipv4_pattern() {
    const std::string octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    return octet + "(\\." + octet + "){3}";
}

// Eight groups, or fewer around one "::".
std::string ipv6_pattern() {
    const std::string group = "[0-9A-Fa-f]{1,4}";
    const auto groups = [&](int count) {
        return count == 0 ? std::string() : group + "(:" + group + "){" + std::to_string(count - 1) + "}";
    };
    std::string pattern = "(" + groups(8);
    for (int left = 0; left <= 7; ++left)
        for (int right = 0; left + right <= 7; ++right) pattern += "|" + groups(left) + "::" + groups(right);
    return pattern + ")";
}

const std::string kLabel = "[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?";

std::string uri_pattern() {
    const std::string character = "([0-9A-Za-z._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    const std::string rest = "([0-9A-Za-z._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*";
    return "[A-Za-z][0-9A-Za-z+.-]*://" + kLabel + "(\\." + kLabel + ")*(:[0-9]{1,5})?(/" + character +
           "*)*(\\?" + rest + ")?(#" + rest + ")?";
}

}  // namespace

std::optional<std::string> format_pattern(std::string_view format) {
    if (format == "date") return date_pattern();
    if (format == "time") return time_pattern();
    if (format == "date-time") return date_pattern() + "T" + time_pattern();
    if (format == "duration") return duration_pattern();
    if (format == "uuid") return "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
    if (format == "ipv4") return ipv4_pattern();
    if (format == "ipv6") return ipv6_pattern();
    if (format == "hostname") return kLabel + "(\\." + kLabel + ")*";
    if (format == "email") return "[0-9A-Za-z_+-]+(\\.[0-9A-Za-z_+-]+)*@(" + kLabel + "\\.)+[A-Za-z]{2,63}";
    if (format == "uri") return uri_pattern();
    return std::nullopt;
}

std::string known_formats() {
    return "date, time, date-time, duration, uuid, ipv4, ipv6, hostname, email, uri";
}

}  // namespace gptoss::grammar
