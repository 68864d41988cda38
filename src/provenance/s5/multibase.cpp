#include "provenance/s5/multibase.h"

#include <algorithm>

namespace gptoss::provenance::s5 {
namespace {

constexpr std::string_view kBase16 = "0123456789abcdef";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextMax = 4096;

// Alphabets of a power of two: `bits` a digit, the first digit highest.
std::string digits_of(ByteView bytes, std::string_view alphabet, unsigned bits) {
    std::string text;
    std::uint32_t held = 0;
    unsigned held_bits = 0;
    for (const std::uint8_t byte : bytes) {
        held = held << 8 | byte;
        for (held_bits += 8; held_bits >= bits; held_bits -= bits)
            text += alphabet[held >> (held_bits - bits) & ((1U << bits) - 1)];
    }
    if (held_bits > 0) text += alphabet[held << (bits - held_bits) & ((1U << bits) - 1)];
    return text;
}

std::optional<Bytes> bytes_of_digits(std::string_view text, std::string_view alphabet, unsigned bits) {
    Bytes bytes;
    std::uint32_t held = 0;
    unsigned held_bits = 0;
    for (const char digit : text) {
        const std::size_t value = alphabet.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        held = held << bits | static_cast<std::uint32_t>(value);
        held_bits += bits;
        if (held_bits < 8) continue;
        held_bits -= 8;
        bytes.push_back(static_cast<std::uint8_t>(held >> held_bits & 255));
    }
    const bool whole = held_bits < bits && (held & ((1U << held_bits) - 1)) == 0;
    return whole ? std::optional(std::move(bytes)) : std::nullopt;
}

// A number in base `to` from its digits in base `from`, leading zeros kept one for one.
std::vector<std::uint32_t> rebased(const std::vector<std::uint32_t>& digits, std::uint32_t from,
                                   std::uint32_t to) {
    const auto zeros = static_cast<std::size_t>(
        std::find_if(digits.begin(), digits.end(), [](std::uint32_t digit) { return digit != 0; }) -
        digits.begin());
    std::vector<std::uint32_t> out;  // lowest digit first
    for (const std::uint32_t digit : digits) {
        std::uint32_t carry = digit;
        for (std::uint32_t& each : out) {
            carry += each * from;
            each = carry % to;
            carry /= to;
        }
        for (; carry > 0; carry /= to) out.push_back(carry % to);
    }
    out.resize(out.size() + zeros);
    std::reverse(out.begin(), out.end());
    return out;
}

std::string base58_of(ByteView bytes) {
    std::string text;
    for (const std::uint32_t digit : rebased({bytes.begin(), bytes.end()}, 256, 58)) text += kBase58[digit];
    return text;
}

std::optional<Bytes> bytes_of_base58(std::string_view text) {
    std::vector<std::uint32_t> digits;
    for (const char digit : text) {
        const std::size_t value = kBase58.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        digits.push_back(static_cast<std::uint32_t>(value));
    }
    Bytes bytes;
    for (const std::uint32_t byte : rebased(digits, 58, 256))
        bytes.push_back(static_cast<std::uint8_t>(byte));
    return bytes;
}

}  // namespace

std::string to_multibase(ByteView bytes, Base base) {
    const std::string letter(1, static_cast<char>(base));
    switch (base) {
        case Base::base16:
            return letter + digits_of(bytes, kBase16, 4);
        case Base::base32:
            return letter + digits_of(bytes, kBase32, 5);
        case Base::base64url:
            return letter + digits_of(bytes, kBase64Url, 6);
        case Base::base58btc:
            break;
    }
    return letter + base58_of(bytes);
}

std::optional<Bytes> from_multibase(std::string_view text) {
    if (text.size() < 2 || text.size() > kTextMax) return std::nullopt;
    const std::string_view digits = text.substr(1);
    switch (static_cast<Base>(text[0])) {
        case Base::base16: {
            std::string lower(digits);
            for (char& c : lower)
                if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
            return digits.size() % 2 == 0 ? bytes_of_digits(lower, kBase16, 4) : std::nullopt;
        }
        case Base::base32:
            return bytes_of_digits(digits, kBase32, 5);
        case Base::base64url:
            return bytes_of_digits(digits, kBase64Url, 6);
        case Base::base58btc:
            return bytes_of_base58(digits);
    }
    return std::nullopt;
}

std::string to_base64url(ByteView bytes) {
    return digits_of(bytes, kBase64Url, 6);
}

std::optional<Bytes> from_base64url(std::string_view text) {
    return text.size() > kTextMax ? std::nullopt : bytes_of_digits(text, kBase64Url, 6);
}

std::string to_base64(ByteView bytes) {
    std::string text = to_base64url(bytes);
    for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
    text.append((4 - text.size() % 4) % 4, '=');
    return text;
}

}  // namespace gptoss::provenance::s5
