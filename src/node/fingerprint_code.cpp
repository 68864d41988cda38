#include "node/fingerprint_code.h"

#include <bit>

#include "base/error.h"

namespace gptoss::node {
namespace {

constexpr std::size_t kHead_bytes = 5, kValue_bytes = 6;

void put(provenance::chain::Bytes& bytes, std::uint32_t number, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

std::uint32_t take(std::span<const std::uint8_t>& bytes, std::size_t count) {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : bytes.first(count)) number = number << 8 | byte;
    bytes = bytes.subspan(count);
    return number;
}

[[noreturn]] void refuse() {
    throw Error(ErrorCode::file_corrupt, "the receipt's fingerprint is cut short or out of order",
                "docs/receipts.md has its bytes.", {{"field", "fingerprint"}});
}

}  // namespace

provenance::chain::Bytes fingerprint_bytes(std::span<const engine::Fingerprint> fingerprints) {
    provenance::chain::Bytes bytes;
    for (const engine::Fingerprint& each : fingerprints) {
        put(bytes, static_cast<std::uint32_t>(each.place), 4);
        put(bytes, static_cast<std::uint32_t>(each.values.size()), 1);
        for (const backend::HiddenValue& value : each.values) {
            put(bytes, static_cast<std::uint32_t>(value.index), 2);
            put(bytes, std::bit_cast<std::uint32_t>(value.value), 4);
        }
    }
    return bytes;
}

std::vector<engine::Fingerprint> read_fingerprints(std::span<const std::uint8_t> bytes) {
    std::vector<engine::Fingerprint> fingerprints;
    while (!bytes.empty()) {
        if (bytes.size() < kHead_bytes) refuse();
        engine::Fingerprint each;
        const std::uint32_t place = take(bytes, 4);
        each.place = static_cast<std::int32_t>(place);
        if (place > 0x7FFFFFFF || (!fingerprints.empty() && each.place <= fingerprints.back().place))
            refuse();
        const std::uint32_t count = take(bytes, 1);
        if (bytes.size() < count * kValue_bytes) refuse();
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto index = static_cast<std::int32_t>(take(bytes, 2));
            each.values.push_back({index, std::bit_cast<float>(take(bytes, 4))});
        }
        fingerprints.push_back(std::move(each));
    }
    return fingerprints;
}

}  // namespace gptoss::node
