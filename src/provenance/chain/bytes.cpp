#include "provenance/chain/bytes.h"

#include <cryptopp/keccak.h>

#include <algorithm>

namespace gptoss::provenance::chain {
namespace {

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

template <std::size_t Size>
std::optional<std::array<std::uint8_t, Size>> exactly(std::string_view text) {
    const auto bytes = bytes_from_hex(text);
    if (!bytes || bytes->size() != Size) return std::nullopt;
    std::array<std::uint8_t, Size> out;
    std::copy(bytes->begin(), bytes->end(), out.begin());
    return out;
}

}  // namespace

Word keccak256(std::span<const std::uint8_t> bytes) {
    CryptoPP::Keccak_256 hash;  // Keccak as Ethereum has it, before NIST changed SHA-3's padding
    hash.Update(bytes.data(), bytes.size());
    Word digest{};
    hash.Final(digest.data());
    return digest;
}

Word keccak256(std::string_view text) {
    return keccak256(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string to_hex_prefixed(std::span<const std::uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text = "0x";
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string to_checksum_text(const Address& address) {
    std::string text = to_hex_prefixed(address);
    const Word hash = keccak256(std::string_view(text).substr(2));
    for (std::size_t i = 0; i < 40; ++i) {
        const int nibble = i % 2 ? hash[i / 2] & 15 : hash[i / 2] >> 4;
        if (nibble >= 8 && text[2 + i] >= 'a') text[2 + i] = static_cast<char>(text[2 + i] - 'a' + 'A');
    }
    return text;
}

std::optional<Bytes> bytes_from_hex(std::string_view text) {
    if (!text.starts_with("0x") || text.size() % 2 != 0) return std::nullopt;
    Bytes bytes;
    bytes.reserve(text.size() / 2 - 1);
    for (std::size_t i = 2; i < text.size(); i += 2) {
        const int high = digit_value(text[i]), low = digit_value(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return bytes;
}

std::optional<Word> word_from_hex(std::string_view text) {
    return exactly<32>(text);
}

std::optional<Address> address_from_hex(std::string_view text) {
    const auto address = exactly<20>(text);
    const bool lower = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'f'; });
    const bool upper = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
    if (address && lower && upper && to_checksum_text(*address) != text) return std::nullopt;
    return address;
}

std::optional<Amount> amount_from_quantity(std::string_view text) {
    if (!text.starts_with("0x") || text.size() < 3 || text.size() > 2 + 32) return std::nullopt;
    Amount amount = 0;
    for (const char c : text.substr(2)) {
        const int digit = digit_value(c);
        if (digit < 0) return std::nullopt;
        amount = amount << 4 | static_cast<unsigned>(digit);
    }
    return amount;
}

std::string to_quantity(Amount amount) {
    std::string digits;
    do digits += "0123456789abcdef"[static_cast<unsigned>(amount & 15)];
    while (amount >>= 4);
    std::reverse(digits.begin(), digits.end());
    return "0x" + digits;
}

std::string to_decimal(Amount amount) {
    std::string digits;
    do digits += static_cast<char>('0' + static_cast<int>(amount % 10));
    while (amount /= 10);
    std::reverse(digits.begin(), digits.end());
    return digits;
}

Word word_from_amount(Amount amount) {
    Word word{};
    for (std::size_t i = 0; i < 16; ++i) word[31 - i] = static_cast<std::uint8_t>(amount >> (8 * i));
    return word;
}

Word word_from_address(const Address& address) {
    Word word{};
    std::copy(address.begin(), address.end(), word.begin() + 12);
    return word;
}

}  // namespace gptoss::provenance::chain
