#include "api/json_equality.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/json_reader.h"
#include "base/number_text.h"

namespace gptoss::api {

namespace {

constexpr std::string_view kNumberCharacters = "0123456789+-.eE";

// A number's value, spelled in one way: "-12e3". Doubles would take two long numbers for one.
std::string normal_number(std::string_view text) {
    const std::size_t exponent_at = text.find_first_of("eE");
    std::string_view mantissa = text.substr(0, exponent_at);
    const bool negative = mantissa.starts_with('-');
    if (negative) mantissa.remove_prefix(1);
    const std::size_t point = mantissa.find('.');
    std::string digits(mantissa.substr(0, point));
    std::int64_t exponent = 0;
    if (point != std::string_view::npos) {
        digits += mantissa.substr(point + 1);
        exponent -= static_cast<std::int64_t>(mantissa.size() - point - 1);
    }
    const std::size_t last = digits.find_last_not_of('0');
    if (last == std::string::npos) return "0";
    exponent += static_cast<std::int64_t>(digits.size() - last - 1);
    digits.resize(last + 1);
    digits.erase(0, digits.find_first_not_of('0'));
    if (exponent_at != std::string_view::npos) {
        std::string_view written = text.substr(exponent_at + 1);
        if (written.starts_with('+')) written.remove_prefix(1);
        const auto value = number_of<std::int32_t>(written);
        if (!value) return std::string(text);  // beyond any double: equal only when spelled alike
        exponent += *value;
    }
    return (negative ? "-" : "") + digits + "e" + std::to_string(exponent);
}

// The same JSON with numbers as strings: "n12e3" for a number, "sabc" for a string.
std::string with_numbers_as_strings(std::string_view text) {
    std::string out;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (in_string && c == '\\') {
            out += text.substr(i, 2);
            i += 2;
            continue;
        }
        if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
            const std::size_t end = std::min(text.find_first_not_of(kNumberCharacters, i), text.size());
            out += "\"n" + normal_number(text.substr(i, end - i)) + "\"";
            i = end;
            continue;
        }
        out += c;
        if (c == '"') {
            in_string = !in_string;
            if (in_string) out += 's';
        }
        ++i;
    }
    return out;
}

// nlohmann::json keeps an object's keys sorted, so equality does not depend on their order.
std::optional<nlohmann::json> read(std::string_view text) {
    try {
        parse_json(text);  // well-formed, and not too deep for what recurs
        return nlohmann::json::parse(with_numbers_as_strings(text));
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

bool equal_json(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const auto first = read(a);
    return first && first == read(b);
}

bool is_blank_json(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace gptoss::api
