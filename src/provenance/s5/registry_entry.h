// Registry entries: what a public key stands for at the moment, signed by it.
//
//   07 ‖ ed ‖ public key (32) ‖ revision (8, little endian) ‖ length (1) ‖ data ‖ signature (64)
// The signature is over 07 ‖ revision ‖ length ‖ data.
#pragma once

#include <cstdint>
#include <optional>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/key_pair.h"

namespace gptoss::provenance::s5 {

inline constexpr std::size_t kRegistryDataBytesMax = 64;
inline constexpr std::uint64_t kRegistryRevisionMax = std::uint64_t{1} << 48;  // what s5.js accepts

struct RegistryEntry {
    Bytes32 public_key{};
    std::uint64_t revision = 0;
    Bytes data;  // a typed hash (blob_identifier.h) where it stands for a blob
    Ed25519Signature signature{};

    Bytes serialized() const;
    bool operator==(const RegistryEntry&) const = default;
};

// `data` of at most kRegistryDataBytesMax, `revision` of at most kRegistryRevisionMax.
RegistryEntry sign_entry(const KeyPair& key, ByteView data, std::uint64_t revision);

// Nothing for bytes of another form, more data or a higher revision than s5.js takes, or a signature that does
// not fit. Whoever keeps entries takes a new one only when its revision is higher than the one it has.
std::optional<RegistryEntry> read_entry(ByteView bytes);

}  // namespace gptoss::provenance::s5
