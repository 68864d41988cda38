#include "grammar/compact_json.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

// JSON nested deeper than any real one is cut off here rather than at the end of the stack.
constexpr int kDeepest = 200;

// Digits and exponent in the layout of Rust's ryu crate: plain between 1e-5 and 1e16, else 1.5e20 without a
// plus.
std::string real_text(double value) {
    if (!std::isfinite(value)) return "null";
    char digits[32];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, std::fabs(value), std::chars_format::scientific).ptr;
    std::string_view scientific(digits, static_cast<std::size_t>(end - digits));
    const auto e = scientific.find('e');
    std::string mantissa(scientific.substr(0, e));
    std::erase(mantissa, '.');
    int exponent = 0;
    const char* first = scientific.data() + e + 1;
    if (*first == '+') ++first;
    std::from_chars(first, end, exponent);

    const int length = static_cast<int>(mantissa.size());
    const int point = exponent + 1;  // digits before the decimal point
    std::string out = std::signbit(value) ? "-" : "";
    if (value == 0) return out + "0.0";
    if (point >= length && point <= 16) return out + mantissa + std::string(point - length, '0') + ".0";
    if (point > 0 && point <= 16) return out + mantissa.substr(0, point) + "." + mantissa.substr(point);
    if (point > -5 && point <= 0) return out + "0." + std::string(-point, '0') + mantissa;
    out += mantissa.substr(0, 1);
    if (length > 1) out += "." + mantissa.substr(1);
    return out + "e" + std::to_string(exponent);
}

void write(const Json& value, int depth, std::string& out) {
    if (depth > kDeepest) {
        out += "null";
    } else if (value.is_number_float()) {
        out += real_text(value.get<double>());
    } else if (value.is_array()) {
        out += '[';
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i > 0) out += ',';
            write(value[i], depth + 1, out);
        }
        out += ']';
    } else if (value.is_object()) {
        out += '{';
        for (auto member = value.begin(); member != value.end(); ++member) {
            if (member != value.begin()) out += ',';
            write(Json(member.key()), depth + 1, out);
            out += ':';
            write(*member, depth + 1, out);
        }
        out += '}';
    } else {
        out += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
}

}  // namespace

std::string compact_json(const Json& value) {
    std::string out;
    write(value, 0, out);
    return out;
}

}  // namespace gptoss::grammar
