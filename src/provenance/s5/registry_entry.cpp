#include "provenance/s5/registry_entry.h"

#include <algorithm>

#include "base/check.h"
#include "provenance/s5/blob_identifier.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr std::uint8_t kRecordType[] = {7};
constexpr std::size_t kDataAt = 43, kSignatureBytes = 64;

Bytes signed_bytes(std::uint64_t revision, ByteView data) {
    const auto length = static_cast<std::uint8_t>(data.size());
    return joined({kRecordType, little_endian(revision, 8), {&length, 1}, data});
}

}  // namespace

Bytes RegistryEntry::serialized() const {
    const auto length = static_cast<std::uint8_t>(data.size());
    return joined({kRecordType,
                   {&kEd25519Type, 1},
                   public_key,
                   little_endian(revision, 8),
                   {&length, 1},
                   data,
                   signature});
}

RegistryEntry sign_entry(const KeyPair& key, ByteView data, std::uint64_t revision) {
    check(data.size() <= kRegistryDataBytesMax && revision <= kRegistryRevisionMax,
          "a registry entry that nobody would take");
    return {key.public_key(), revision, {data.begin(), data.end()}, key.sign(signed_bytes(revision, data))};
}

std::optional<RegistryEntry> read_entry(ByteView bytes) {
    if (bytes.size() < kDataAt + kSignatureBytes || bytes[0] != kRecordType[0] || bytes[1] != kEd25519Type)
        return std::nullopt;
    const std::size_t length = bytes[kDataAt - 1];
    if (length > kRegistryDataBytesMax || bytes.size() != kDataAt + length + kSignatureBytes)
        return std::nullopt;
    RegistryEntry entry;
    entry.public_key = bytes32_of(bytes.subspan(2, 32));
    entry.revision = from_little_endian(bytes.subspan(34, 8));
    const ByteView data = bytes.subspan(kDataAt, length), signature = bytes.subspan(kDataAt + length);
    entry.data.assign(data.begin(), data.end());
    std::ranges::copy(signature, entry.signature.begin());
    if (entry.revision > kRegistryRevisionMax ||
        !verify(entry.public_key, signed_bytes(entry.revision, data), signature))
        return std::nullopt;
    return entry;
}

}  // namespace gptoss::provenance::s5
