// Bytes as the chain writes them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::provenance::chain {

using Bytes = std::vector<std::uint8_t>;
using Word = std::array<std::uint8_t, 32>;  // bytes32, or a big-endian uint256
using Address = std::array<std::uint8_t, 20>;
__extension__ using Amount = unsigned __int128;  // wei, gas: every amount that exists fits 128 bits

Word keccak256(std::span<const std::uint8_t> bytes);
Word keccak256(std::string_view text);

// With 0x, lowercase.
std::string to_hex_prefixed(std::span<const std::uint8_t> bytes);
// With the mixed-case checksum of EIP-55.
std::string to_checksum_text(const Address& address);

// Strict: "0x" and an even number of hexadecimal digits; nothing otherwise.
std::optional<Bytes> bytes_from_hex(std::string_view text);
std::optional<Word> word_from_hex(std::string_view text);  // exactly 32 bytes
std::optional<Address> address_from_hex(
    std::string_view text);  // exactly 20; a mixed-case text must have the right checksum

// JSON-RPC quantities: "0x0", "0x1f", no leading zeros demanded, at most 128 bits.
std::optional<Amount> amount_from_quantity(std::string_view text);
std::string to_quantity(Amount amount);
std::string to_decimal(Amount amount);

Word word_from_amount(Amount amount);
Word word_from_address(const Address& address);

}  // namespace gptoss::provenance::chain
