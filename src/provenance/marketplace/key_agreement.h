// How two secp256k1 keys come to a key for XChaCha20-Poly1305: ECDH, then HKDF-SHA256 (RFC 5869).
#pragma once

#include <optional>
#include <string_view>

#include "provenance/chain/private_key.h"
#include "provenance/marketplace/hexadecimal.h"

namespace gptoss::provenance::marketplace {

// 32 bytes; an empty salt is HKDF's own, 32 zeros.
Bytes32 hkdf_sha256(ByteView secret, std::string_view info, ByteView salt = {});

// Of sessions: the shared x coordinate is the secret, no salt, no info. `point`: 33 or 65 bytes. Nothing when
// it is no public key.
std::optional<Bytes32> session_setup_key(const chain::PrivateKey& own, ByteView point);

// Of checkpoints: SHA-256 of the shared x coordinate is the secret, info "checkpoint-delta-encryption-v1".
std::optional<Bytes32> checkpoint_key(const chain::PrivateKey& own, ByteView point);

}  // namespace gptoss::provenance::marketplace
