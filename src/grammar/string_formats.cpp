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

std::string two_digits(int value) {
    return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
}

// A leap second is the last one of a day in UTC: 23:59:60Z, 15:59:60-08:00. Offsets in whole hours.
std::string leap_second_pattern(const std::string& fraction) {
    std::string pattern;
    for (int hour = 0; hour < 24; ++hour) {
        const std::string ahead = two_digits((hour + 1) % 24), behind = two_digits(23 - hour);
        pattern += (hour > 0 ? "|" : "") + two_digits(hour) + ":59:60" + fraction + "(\\+" + ahead + ":00|-" +
                   behind + ":00" + (hour == 23 ? "|[Zz])" : ")");
    }
    return "(" + pattern + ")";
}

std::string time_pattern() {
    const std::string hour = "([01][0-9]|2[0-3])", fraction = "(\\.[0-9]{1,18})?";
    return "(" + hour + ":[0-5][0-9]:[0-5][0-9]" + fraction + "([Zz]|[+-]" + hour + ":[0-5][0-9])|" +
           leap_second_pattern(fraction) + ")";
}

// ISO 8601 as RFC 3339 appendix A writes it: units descend, at least one is there.
std::string duration_pattern() {
    const std::string n = "[0-9]{1,18}";
    const std::string time = "T(" + n + "H(" + n + "M(" + n + "S)?)?|" + n + "M(" + n + "S)?|" + n + "S)";
    const std::string date = "(" + n + "D|" + n + "M(" + n + "D)?|" + n + "Y(" + n + "M(" + n + "D)?)?)";
    return "P(" + date + "(" + time + ")?|" + time + "|" + n + "W)";
}

std::string ipv4_pattern() {
    const std::string octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    return octet + "(\\." + octet + "){3}";
}

// RFC 4291: eight groups, or fewer around one "::"; the last two may be written as an IPv4 address.
std::string ipv6_pattern() {
    const std::string group = "[0-9A-Fa-f]{1,4}";
    const auto groups = [&](int count) {
        return count == 0 ? std::string() : group + "(:" + group + "){" + std::to_string(count - 1) + "}";
    };
    std::string pattern = "(" + groups(8) + "|" + groups(6) + ":" + ipv4_pattern();
    for (int left = 0; left <= 7; ++left)
        for (int right = 0; left + right <= 7; ++right) {
            pattern += "|" + groups(left) + "::" + groups(right);
            if (left + right <= 5)
                pattern +=
                    "|" + groups(left) + "::" + groups(right) + (right > 0 ? ":" : "") + ipv4_pattern();
        }
    return pattern + ")";
}

// RFC 1123.
const std::string kLabel = "[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?";
const std::string kHostName = kLabel + "(\\." + kLabel + ")*";

// RFC 5321, 4.1.2: a dotted or quoted local part; a domain or an address in brackets.
std::string email_pattern() {
    const std::string atom = "[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]+";
    const std::string quoted = "\"([ !#-\\[\\]-~]|\\\\[ -~])*\"";
    return "(" + atom + "(\\." + atom + ")*|" + quoted + ")@(" + kHostName + "|\\[" + ipv4_pattern() +
           "\\]|\\[IPv6:" + ipv6_pattern() + "\\])";
}

// RFC 3986, appendix A.
struct UriParts {
    const std::string character = "[0-9A-Za-z._~!$&'()*+,;=-]";
    const std::string escaped = "%[0-9A-Fa-f]{2}";
    const std::string segment_character = "([0-9A-Za-z._~!$&'()*+,;=:@-]|" + escaped + ")";
    const std::string segments = "(/" + segment_character + "*)*";
    const std::string literal = "\\[(" + ipv6_pattern() + "|v[0-9A-Fa-f]+\\.[0-9A-Za-z._~!$&'()*+,;=:-]+)\\]";
    const std::string authority = "(([0-9A-Za-z._~!$&'()*+,;=:-]|" + escaped + ")*@)?(" + literal + "|(" +
                                  character + "|" + escaped + ")*)(:[0-9]*)?";
    const std::string absolute_path = "/(" + segment_character + "+" + segments + ")?";
    const std::string rest = "(\\?([0-9A-Za-z._~!$&'()*+,;=:@/?-]|" + escaped +
                             ")*)?(#([0-9A-Za-z._~!$&'()*+,;=:@/?-]|" + escaped + ")*)?";

    std::string uri() const {
        return "[A-Za-z][0-9A-Za-z+.-]*:(//" + authority + segments + "|" + absolute_path + "|" +
               segment_character + "+" + segments + ")?" + rest;
    }
    std::string relative() const {
        const std::string first = "([0-9A-Za-z._~!$&'()*+,;=@-]|" + escaped + ")+";
        return "(//" + authority + segments + "|" + absolute_path + "|" + first + segments + ")?" + rest;
    }
};

}  // namespace

std::optional<std::string> format_pattern(std::string_view format) {
    if (format == "date") return date_pattern();
    if (format == "time") return time_pattern();
    if (format == "date-time") return date_pattern() + "[Tt]" + time_pattern();
    if (format == "duration") return duration_pattern();
    if (format == "uuid") return "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
    if (format == "ipv4") return ipv4_pattern();
    if (format == "ipv6") return ipv6_pattern();
    if (format == "hostname") return kHostName;
    if (format == "email") return email_pattern();
    if (format == "uri") return UriParts().uri();
    if (format == "uri-reference") return "(" + UriParts().uri() + "|" + UriParts().relative() + ")";
    if (format == "json-pointer") return "(/([^/~]|~[01])*)*";
    return std::nullopt;
}

std::string known_formats() {
    return "date, time, date-time, duration, uuid, ipv4, ipv6, hostname, email, uri, uri-reference, "
           "json-pointer";
}

}  // namespace gptoss::grammar
