#include "grammar/number_range.h"

#include <array>
#include <charconv>
#include <tuple>

#include "base/check.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {
namespace {

constexpr std::uint8_t kMostIntegerDigits = 19;
constexpr std::uint8_t kMostFractionDigits = 18;

// A bound that is not negative, as decimal digits.
struct Decimal {
    std::string integer = "0", fraction;
    bool exclusive = false;

    int fraction_digit(std::size_t at) const { return at < fraction.size() ? fraction[at] - '0' : 0; }
    bool is_zero_from(std::size_t at) const {
        return at >= fraction.size() || fraction.find_first_not_of('0', at) == std::string::npos;
    }
};

bool is_negative(const std::string& decimal) {
    return decimal.starts_with('-');
}
bool is_zero(const std::string& decimal) {
    return decimal.find_first_not_of("-0.") == std::string::npos;
}

Decimal magnitude_of(const std::string& decimal, bool exclusive) {
    const std::string digits = decimal.substr(is_negative(decimal) ? 1 : 0);
    const auto point = digits.find('.');
    return {digits.substr(0, point), point == std::string::npos ? "" : digits.substr(point + 1), exclusive};
}

// The sizes that a number may have without its sign; nothing = no bound.
struct Magnitudes {
    std::optional<Decimal> least, most;
};

// What has been read, compared with both bounds.
struct Reading {
    enum Phase : std::uint8_t { nothing, minus, integer, point, fraction };
    Phase phase = nothing;
    bool negative = false;
    bool zero_first = false;  // no digit may follow a leading zero
    std::uint8_t digits = 0;  // in this phase
    // While integer digits come: the digits against as many of the bound's. From the point on: the number
    // itself.
    int against_least = 0, against_most = 0;
    bool is_zero = true;

    auto key() const {
        return std::tie(phase, negative, zero_first, digits, against_least, against_most, is_zero);
    }
    bool operator<(const Reading& other) const { return key() < other.key(); }
};

int sign(int value) {
    return value < 0 ? -1 : value > 0 ? 1 : 0;
}

// The integer part is complete: how does it compare with the bound's?
int against_integer(const Reading& reading, int so_far, const Decimal& bound) {
    const int longer = static_cast<int>(reading.digits) - static_cast<int>(bound.integer.size());
    return longer != 0 ? sign(longer) : so_far;
}

class RangeReader {
  public:
    explicit RangeReader(const NumberRange& range) : integers_only_(range.integers_only) {
        const bool least_is_negative = !range.least || (is_negative(*range.least) && !is_zero(*range.least));
        const bool most_is_negative = range.most && is_negative(*range.most) && !is_zero(*range.most);
        any_positive_ = !most_is_negative;
        any_negative_ = least_is_negative;
        // Numbers that are not negative lie between max(0, least) and most, the others between max(0, -most)
        // and -least.
        if (range.least) {
            const Decimal bound = magnitude_of(*range.least, range.least_exclusive);
            (least_is_negative ? negative_.most : positive_.least) = bound;
        }
        if (range.most) {
            const Decimal bound = magnitude_of(*range.most, range.most_exclusive);
            (most_is_negative ? negative_.least : positive_.most) = bound;
        }
    }

    std::optional<Reading> next(Reading reading, std::uint8_t byte) const {
        if (byte == '-') {
            if (reading.phase != Reading::nothing || !any_negative_) return std::nullopt;
            reading.phase = Reading::minus;
            reading.negative = true;
            return reading;
        }
        if (byte == '.') {
            if (reading.phase != Reading::integer || integers_only_) return std::nullopt;
            complete_integer(reading);
            reading.phase = Reading::point;
            reading.digits = 0;
            return reading;
        }
        if (byte < '0' || byte > '9') return std::nullopt;
        if (reading.phase == Reading::nothing && !any_positive_) return std::nullopt;
        if (reading.phase == Reading::point || reading.phase == Reading::fraction)
            return fraction_digit(reading, byte - '0');
        return integer_digit(reading, byte - '0');
    }

    bool accepts(Reading reading) const {
        if (reading.phase != Reading::integer && reading.phase != Reading::fraction) return false;
        if (reading.negative && reading.is_zero) return false;  // zero has one spelling
        std::size_t read = reading.digits;
        if (reading.phase == Reading::integer) {
            complete_integer(reading);
            read = 0;
        }
        const Magnitudes& bounds = reading.negative ? negative_ : positive_;
        if (bounds.least) {
            const bool equal = reading.against_least == 0 && bounds.least->is_zero_from(read);
            if (reading.against_least < 0 || (reading.against_least == 0 && !equal)) return false;
            if (equal && bounds.least->exclusive) return false;
        }
        if (bounds.most) {
            const bool equal = reading.against_most == 0 && bounds.most->is_zero_from(read);
            if (reading.against_most > 0 || (equal && bounds.most->exclusive)) return false;
        }
        return true;
    }

  private:
    std::optional<Reading> integer_digit(Reading reading, int digit) const {
        if (reading.zero_first || reading.digits == kMostIntegerDigits) return std::nullopt;
        if (reading.phase != Reading::integer) reading.zero_first = digit == 0;
        reading.phase = Reading::integer;
        const Magnitudes& bounds = reading.negative ? negative_ : positive_;
        const auto compare = [&](int so_far, const std::optional<Decimal>& bound) {
            if (so_far != 0 || !bound || reading.digits >= bound->integer.size()) return so_far;
            return sign(digit - (bound->integer[reading.digits] - '0'));
        };
        reading.against_least = compare(reading.against_least, bounds.least);
        reading.against_most = compare(reading.against_most, bounds.most);
        reading.is_zero = reading.is_zero && digit == 0;
        ++reading.digits;
        return reading;
    }

    std::optional<Reading> fraction_digit(Reading reading, int digit) const {
        if (reading.digits == kMostFractionDigits) return std::nullopt;
        reading.phase = Reading::fraction;
        const Magnitudes& bounds = reading.negative ? negative_ : positive_;
        const auto compare = [&](int so_far, const std::optional<Decimal>& bound) {
            return so_far != 0 || !bound ? so_far : sign(digit - bound->fraction_digit(reading.digits));
        };
        reading.against_least = compare(reading.against_least, bounds.least);
        reading.against_most = compare(reading.against_most, bounds.most);
        reading.is_zero = reading.is_zero && digit == 0;
        ++reading.digits;
        return reading;
    }

    void complete_integer(Reading& reading) const {
        const Magnitudes& bounds = reading.negative ? negative_ : positive_;
        if (bounds.least)
            reading.against_least = against_integer(reading, reading.against_least, *bounds.least);
        if (bounds.most) reading.against_most = against_integer(reading, reading.against_most, *bounds.most);
    }

    bool integers_only_;
    bool any_positive_ = false, any_negative_ = false;
    Magnitudes positive_, negative_;
};

}  // namespace

std::string decimal_text(const nlohmann::ordered_json& value) {
    if (!value.is_number_float()) return value.dump();
    std::array<char, 400> digits{};  // the largest double has 309 digits, the smallest 324 behind the point
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value.get<double>(),
                                      std::chars_format::fixed);
    check(result.ec == std::errc(), "a double has fewer than 400 digits");
    return {digits.data(), result.ptr};
}

ByteDfa number_automaton(const NumberRange& range) {
    if (!range.least && !range.most)
        return to_bytes(
            parse_whole_pattern(range.integers_only
                                    ? "0|-?[1-9][0-9]{0,18}"
                                    : "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?"),
            Spelling::plain);
    const RangeReader reader(range);
    auto dfa = ByteDfa::build(
        Reading{}, [&](const Reading& reading, std::uint8_t byte) { return reader.next(reading, byte); },
        [&](const Reading& reading) { return reader.accepts(reading); });
    check(dfa.has_value(), "a number's digits are few");
    return std::move(*dfa);
}

}  // namespace gptoss::grammar
