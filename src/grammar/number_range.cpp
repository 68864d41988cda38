#include "grammar/number_range.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "base/check.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {
namespace {

constexpr int kMostDigits = limits::kNumberDigits;
constexpr int kMostFractionDigitsBesideBounds = 40;
constexpr int kMostExponentDigits = 3;
constexpr int kMostExponentZeros = 2;     // "1e-07" is how C and Python write it
constexpr int kLargestExponentPower = 2;  // of the digits before an exponent: "100e3"

int sign(int value) {
    return value < 0 ? -1 : value > 0 ? 1 : 0;
}

bool is_negative(const std::string& decimal) {
    return decimal.starts_with('-') && decimal.find_first_not_of("-0.") != std::string::npos;
}

// A bound without its sign: d.ddd * 10^power.
struct Bound {
    Bound(const std::string& decimal, bool is_exclusive) : exclusive(is_exclusive) {
        const std::string text = decimal.substr(decimal.starts_with('-') ? 1 : 0);
        const auto point = std::min(text.find('.'), text.size());
        for (const char c : text)
            if (c != '.') digits += c;
        power = static_cast<int>(point) - 1;
        const auto first = digits.find_first_not_of('0');
        if (first == std::string::npos) {
            digits.clear();
            return;
        }
        power -= static_cast<int>(first);
        digits = digits.substr(first, digits.find_last_not_of('0') - first + 1);
    }
    bool is_zero() const { return digits.empty(); }

    std::string digits;  // neither begins nor ends with 0; empty = zero
    int power = 0;
    bool exclusive;
};

// The sizes that numbers of one sign may have; nothing = no bound.
struct Sizes {
    bool possible = true;
    std::optional<Bound> least, most;
    // By a bound other than 0, which a sign or a digit that is not 0 decides.
    bool are_bounded() const { return (least && !least->is_zero()) || (most && !most->is_zero()); }
};

// What has been read, compared with one bound. Digits are compared from the first one that is not 0, so that
// an exponent may still move the point.
struct Against {
    int digits = 0;    // -1, 0, 1: the digits read so far against as many of the bound's
    int exponent = 0;  // likewise, of the exponent against the one that would make the sizes alike
    auto operator<=>(const Against&) const = default;
};

struct Reading {
    enum Phase : std::uint8_t { nothing, minus, zero, integer, point, fraction, e, e_sign, e_digits };
    Phase phase = nothing;
    bool negative = false;
    bool nonzero = false;       // a digit that is not 0 was read
    bool power_is_open = true;  // an exponent may still come, or has come
    int power = 0;              // of the first digit that is not 0, once the point's place is known
    int count = 0;              // digits in this phase
    int significant = 0;        // digits since the first that is not 0, as long as they are compared
    bool exponent_negative = false;
    int zeros = 0;  // that begin the exponent
    Against least, most;
    auto operator<=>(const Reading&) const = default;
};

class RangeReader {
  public:
    explicit RangeReader(const NumberRange& range)
        : integers_only_(range.integers_only), has_bounds_(range.least || range.most) {
        // Numbers that are not negative lie between max(0, least) and most, the others between max(0, -most)
        // and -least.
        const bool least_is_negative = !range.least || is_negative(*range.least);
        const bool most_is_negative = range.most && is_negative(*range.most);
        positive_.possible = !most_is_negative;
        negative_.possible = least_is_negative;
        if (range.least)
            (least_is_negative ? negative_.most : positive_.least) =
                Bound(*range.least, range.least_exclusive);
        if (range.most)
            (most_is_negative ? negative_.least : positive_.most) = Bound(*range.most, range.most_exclusive);
        if (positive_.least && positive_.least->is_zero() && !positive_.least->exclusive)
            positive_.least.reset();
    }

    std::optional<Reading> next(Reading reading, std::uint8_t byte) const {
        if (byte >= '0' && byte <= '9') return digit(reading, byte - '0');
        switch (byte) {
            case '-':
                if (reading.phase == Reading::e) return exponent_sign(reading, true);
                if (reading.phase != Reading::nothing || !negative_.possible) return std::nullopt;
                reading.phase = Reading::minus;
                reading.negative = true;
                return reading;
            case '+':
                if (reading.phase != Reading::e) return std::nullopt;
                return exponent_sign(reading, false);
            case '.':
                if (integers_only_ || !is_integer_part(reading)) return std::nullopt;
                return begin_fraction(reading);
            case 'e':
            case 'E':
                if (integers_only_ || (!is_integer_part(reading) && reading.phase != Reading::fraction))
                    return std::nullopt;
                return begin_exponent(reading);
            default:
                return std::nullopt;
        }
    }

    bool accepts(const Reading& reading) const {
        if (!is_integer_part(reading) && reading.phase != Reading::fraction &&
            reading.phase != Reading::e_digits)
            return false;
        if (reading.negative && !reading.nonzero) return false;  // beside bounds zero has one spelling
        const Sizes& bounds = sizes(reading);
        if (bounds.least) {
            const int against = compared(reading, reading.least, *bounds.least);
            if (against < 0 || (against == 0 && bounds.least->exclusive)) return false;
        }
        if (bounds.most) {
            const int against = compared(reading, reading.most, *bounds.most);
            if (against > 0 || (against == 0 && bounds.most->exclusive)) return false;
        }
        return true;
    }

  private:
    const Sizes& sizes(const Reading& reading) const { return reading.negative ? negative_ : positive_; }

    static bool is_integer_part(const Reading& reading) {
        return reading.phase == Reading::zero || reading.phase == Reading::integer;
    }

    std::optional<Reading> digit(Reading reading, int value) const {
        switch (reading.phase) {
            case Reading::nothing:
                if (!positive_.possible) return std::nullopt;
                [[fallthrough]];
            case Reading::minus:
                reading.phase = value == 0 ? Reading::zero : Reading::integer;
                break;
            case Reading::zero:
                return std::nullopt;  // no digit follows a leading zero
            case Reading::point:
                reading.phase = Reading::fraction;
                break;
            case Reading::integer:
            case Reading::fraction:
                break;
            case Reading::e:
            case Reading::e_sign:
            case Reading::e_digits:
                return exponent_digit(reading, value);
        }
        const bool in_fraction = reading.phase == Reading::fraction;
        const int most_digits =
            in_fraction && sizes(reading).are_bounded() ? kMostFractionDigitsBesideBounds : kMostDigits;
        if (reading.count == most_digits) return std::nullopt;
        ++reading.count;
        if (value != 0 && !reading.nonzero) {
            reading.nonzero = true;
            if (in_fraction) settle_power(reading, -reading.count);
        }
        if (reading.nonzero) compare_digit(reading, value);
        if (reading.phase == Reading::integer && !may_shrink(reading)) {
            // Longer than the bound: larger, whatever the digits are.
            const Sizes& bounds = sizes(reading);
            if (bounds.most && reading.count - 1 > bounds.most->power) return std::nullopt;
            if (bounds.least && reading.count - 1 > bounds.least->power) reading.least = {1, 1};
        }
        return tidy(reading);
    }

    // An exponent may still make the number smaller than its digits say.
    bool may_shrink(const Reading& reading) const {
        return !integers_only_ && reading.count - 1 <= kLargestExponentPower;
    }

    void compare_digit(Reading& reading, int value) const {
        const auto compare = [&](Against& against, const std::optional<Bound>& bound) {
            if (!bound || bound->is_zero() || against.digits != 0) return;
            const auto at = static_cast<std::size_t>(reading.significant);
            against.digits = sign(value - (at < bound->digits.size() ? bound->digits[at] - '0' : 0));
        };
        compare(reading.least, sizes(reading).least);
        compare(reading.most, sizes(reading).most);
        ++reading.significant;
    }

    // What is decided is forgotten, so that there are few states.
    Reading tidy(Reading reading) const {
        const Sizes& bounds = sizes(reading);
        if (!has_bounds_ && !integers_only_) {  // as good as any other number
            reading.nonzero = true;
            reading.negative = false;
        }
        std::size_t needed = 0;  // digits of a bound that are still compared
        if (bounds.least && reading.least.digits == 0) needed = bounds.least->digits.size();
        if (bounds.most && reading.most.digits == 0) needed = std::max(needed, bounds.most->digits.size());
        reading.significant = std::min(reading.significant, static_cast<int>(needed));
        return reading;
    }

    // The place of the first digit that is not 0 is known. Where no exponent may move it any more, only its
    // relation to the bounds is kept.
    void settle_power(Reading& reading, int power) const {
        const Sizes& bounds = sizes(reading);
        reading.power = power;
        reading.power_is_open = !bounds.are_bounded() || power == 0;
        if (!bounds.are_bounded()) reading.power = 0;
        if (reading.power_is_open) return;
        if (bounds.least) reading.least.exponent = sign(power - bounds.least->power);
        if (bounds.most) reading.most.exponent = sign(power - bounds.most->power);
        if (reading.least.exponent != 0) reading.least.digits = reading.least.exponent;
        if (reading.most.exponent != 0) reading.most.digits = reading.most.exponent;
        reading.power = 0;
    }

    std::optional<Reading> begin_fraction(Reading reading) const {
        if (reading.nonzero) settle_power(reading, reading.count - 1);
        reading.phase = Reading::point;
        reading.count = 0;
        return tidy(reading);
    }

    std::optional<Reading> begin_exponent(Reading reading) const {
        const Sizes& bounds = sizes(reading);
        if (is_integer_part(reading)) {
            if (bounds.are_bounded() && (!reading.nonzero || reading.count - 1 > kLargestExponentPower))
                return std::nullopt;
            reading.power = bounds.are_bounded() ? reading.count - 1 : 0;
            reading.power_is_open = true;
        } else if (bounds.are_bounded() && (!reading.nonzero || !reading.power_is_open)) {
            return std::nullopt;
        }
        // The digits are complete: fewer than the bound's means less.
        const auto complete = [&](Against& against, const std::optional<Bound>& bound) {
            const bool shorter =
                bound && static_cast<std::size_t>(reading.significant) < bound->digits.size();
            against = {against.digits == 0 && shorter ? -1 : against.digits, 0};
        };
        complete(reading.least, bounds.least);
        complete(reading.most, bounds.most);
        reading.significant = 0;
        reading.phase = Reading::e;
        reading.count = 0;
        return reading;
    }

    static std::optional<Reading> exponent_sign(Reading reading, bool negative) {
        reading.phase = Reading::e_sign;
        reading.exponent_negative = negative;
        return reading;
    }

    // The exponent that would put the number's first digit where the bound's is.
    static int like_exponent(const Reading& reading, const Bound& bound) {
        return bound.power - reading.power;
    }

    std::optional<Reading> exponent_digit(Reading reading, int value) const {
        reading.phase = Reading::e_digits;
        if (value == 0 && reading.count == 0) {
            if (reading.zeros > kMostExponentZeros) return std::nullopt;
            ++reading.zeros;
            return reading;
        }
        if (reading.count == kMostExponentDigits) return std::nullopt;
        const auto compare = [&](Against& against, const std::optional<Bound>& bound) {
            if (!bound || bound->is_zero() || against.exponent != 0) return;
            const std::string target = std::to_string(std::abs(like_exponent(reading, *bound)));
            const auto at = static_cast<std::size_t>(reading.count);
            if (at < target.size()) against.exponent = sign(value - (target[at] - '0'));
        };
        compare(reading.least, sizes(reading).least);
        compare(reading.most, sizes(reading).most);
        ++reading.count;
        return reading;
    }

    // The number as it stands against the bound.
    int compared(const Reading& reading, const Against& against, const Bound& bound) const {
        if (!reading.nonzero) return bound.is_zero() ? 0 : -1;
        if (bound.is_zero()) return 1;
        if (reading.phase == Reading::e_digits) {
            const int by_exponent = exponent_against(reading, against, like_exponent(reading, bound));
            return by_exponent != 0 ? by_exponent : against.digits;
        }
        int by_power = against.exponent;
        if (reading.phase == Reading::integer && by_power == 0)
            by_power = sign(reading.count - 1 - bound.power);
        else if (reading.phase == Reading::fraction && reading.power_is_open)
            by_power = sign(reading.power - bound.power);
        if (by_power != 0) return by_power;
        if (against.digits != 0) return against.digits;
        return static_cast<std::size_t>(reading.significant) < bound.digits.size() ? -1 : 0;
    }

    static int exponent_against(const Reading& reading, const Against& against, int target) {
        const bool negative = reading.exponent_negative && reading.count > 0;
        if (reading.count == 0) return sign(-target);
        if (negative != (target < 0) || target == 0) return negative ? -1 : 1;
        const int length = static_cast<int>(std::to_string(std::abs(target)).size());
        const int by_size = reading.count != length ? sign(reading.count - length) : against.exponent;
        return negative ? -by_size : by_size;
    }

    bool integers_only_;
    bool has_bounds_;
    Sizes positive_, negative_;
};

}  // namespace

std::string decimal_text(const nlohmann::ordered_json& value) {
    if (!value.is_number_float()) return value.dump();
    std::array<char, 40> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.get<double>(),
                                      std::chars_format::scientific);
    check(result.ec == std::errc(), "a double has fewer than 40 characters");
    const std::string text(buffer.data(), result.ptr);
    const auto e = text.find('e');
    const bool negative = text.starts_with('-');
    std::string digits;
    for (const char c : text.substr(0, e))
        if (c >= '0' && c <= '9') digits += c;
    const int power = std::stoi(text.substr(e + 1));
    const int length = static_cast<int>(digits.size());
    std::string out = negative ? "-" : "";
    if (power < 0) return out + "0." + std::string(static_cast<std::size_t>(-power - 1), '0') + digits;
    if (power + 1 >= length)
        return out + digits + std::string(static_cast<std::size_t>(power + 1 - length), '0');
    const auto point = static_cast<std::size_t>(power + 1);
    return out + digits.substr(0, point) + "." + digits.substr(point);
}

ByteDfa number_automaton(const NumberRange& range, Budget& budget) {
    const RangeReader reader(range);
    return ByteDfa::build(
        "0123456789+-.eE", Reading{},
        [&](const Reading& reading, std::uint8_t byte) { return reader.next(reading, byte); },
        [&](const Reading& reading) { return reader.accepts(reading); }, budget);
}

}  // namespace gptoss::grammar
