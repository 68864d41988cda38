#include "provenance/chain/rlp.h"

#include <algorithm>

namespace gptoss::provenance::chain::rlp {
namespace {

// Up to 55 bytes the length is part of the first byte; beyond, the first byte says how long the length is.
void put_header(Bytes& out, std::size_t length, std::uint8_t short_base) {
    if (length <= 55) {
        out.push_back(static_cast<std::uint8_t>(short_base + length));
        return;
    }
    Bytes digits;
    for (std::size_t rest = length; rest > 0; rest >>= 8) digits.push_back(static_cast<std::uint8_t>(rest));
    out.push_back(static_cast<std::uint8_t>(short_base + 55 + digits.size()));
    out.insert(out.end(), digits.rbegin(), digits.rend());
}

}  // namespace

Bytes text(std::span<const std::uint8_t> bytes) {
    Bytes out;
    if (bytes.size() != 1 || bytes[0] >= 0x80) put_header(out, bytes.size(), 0x80);
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out;
}

Bytes number(const Word& big_endian) {
    const auto first =
        std::find_if(big_endian.begin(), big_endian.end(), [](std::uint8_t byte) { return byte != 0; });
    return text(std::span(first, big_endian.end()));
}

Bytes number(Amount amount) {
    return number(word_from_amount(amount));
}

Bytes list(std::span<const Bytes> encoded_items) {
    std::size_t length = 0;
    for (const Bytes& item : encoded_items) length += item.size();
    Bytes out;
    put_header(out, length, 0xC0);
    for (const Bytes& item : encoded_items) out.insert(out.end(), item.begin(), item.end());
    return out;
}

}  // namespace gptoss::provenance::chain::rlp
