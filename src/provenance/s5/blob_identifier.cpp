#include "provenance/s5/blob_identifier.h"

#include "provenance/s5/blake3.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr std::uint8_t kIdentifierPrefix[] = {0x5b, 0x82};
constexpr std::uint8_t kLegacyPrefix = 0x26;

Bytes identifier_bytes(std::uint8_t type, const Bytes32& hash, std::uint64_t size_bytes) {
    Bytes size = little_endian(size_bytes, 8);
    while (size.size() > 1 && size.back() == 0) size.pop_back();
    return joined({kIdentifierPrefix, {&type, 1}, hash, size});
}

}  // namespace

Bytes BlobIdentifier::typed_hash() const {
    return joined({{&kBlake3Type, 1}, hash});
}

Bytes BlobIdentifier::bytes() const {
    return identifier_bytes(kBlake3Type, hash, size_bytes);
}

BlobIdentifier identify_blob(ByteView content) {
    return {blake3(content), content.size()};
}

std::optional<BlobIdentifier> blob_identifier_from_bytes(ByteView bytes) {
    if (!bytes.empty() && bytes[0] == kLegacyPrefix)
        bytes = bytes.subspan(1);
    else if (bytes.size() > 2 && bytes[0] == kIdentifierPrefix[0] && bytes[1] == kIdentifierPrefix[1])
        bytes = bytes.subspan(2);
    else
        return std::nullopt;
    constexpr std::size_t kTypedHash = 33;
    if (bytes.size() < kTypedHash || bytes.size() > kTypedHash + 8) return std::nullopt;
    if (bytes[0] != kBlake3Type && bytes[0] != kWireHashType) return std::nullopt;
    return BlobIdentifier{bytes32_of(bytes.subspan(1, 32)), from_little_endian(bytes.subspan(kTypedHash))};
}

std::optional<BlobIdentifier> blob_identifier_from_text(std::string_view text) {
    const auto bytes = from_multibase(text);
    return bytes ? blob_identifier_from_bytes(*bytes) : std::nullopt;
}

std::string portal_download_name(const Bytes32& hash) {
    return to_multibase(identifier_bytes(kWireHashType, hash, 0), Base::base58btc);
}

}  // namespace gptoss::provenance::s5
