// What names a blob: its BLAKE3 hash and its size. "CID" in S5's own pages.
//
//   5b 82 ‖ 1e ‖ hash (32) ‖ size, little endian, trailing zeros trimmed, at least one byte
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/multibase.h"

namespace gptoss::provenance::s5 {

inline constexpr std::uint8_t kBlake3Type = 0x1e;    // before a hash: which hash it is
inline constexpr std::uint8_t kEd25519Type = 0xed;   // before a public key
inline constexpr std::uint8_t kWireHashType = 0x1f;  // 1e as peers and portals write it in requests

struct BlobIdentifier {
    Bytes32 hash{};
    std::uint64_t size_bytes = 0;

    Bytes typed_hash() const;  // 1e ‖ hash: what registry entries hold
    Bytes bytes() const;
    std::string text(Base base = Base::base32) const { return to_multibase(bytes(), base); }
    bool operator==(const BlobIdentifier&) const = default;
};

BlobIdentifier identify_blob(ByteView content);

// Reads the form above, with the type 1f too, and the legacy one: 26 ‖ 1e or 1f ‖ hash ‖ size. Nothing for
// anything else.
std::optional<BlobIdentifier> blob_identifier_from_bytes(ByteView bytes);
std::optional<BlobIdentifier> blob_identifier_from_text(std::string_view text);  // any multibase

// The name under which a portal is asked for a blob's content: base 58, type 1f, size 0.
std::string portal_download_name(const Bytes32& hash);

}  // namespace gptoss::provenance::s5
