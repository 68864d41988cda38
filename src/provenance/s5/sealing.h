// XChaCha20-Poly1305 through libsodium: sealed = encrypted, with the 16-byte tag behind.
#pragma once

#include <array>
#include <optional>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

using Nonce = std::array<std::uint8_t, 24>;
inline constexpr std::size_t kTagBytes = 16;

Bytes seal(const Bytes32& key, const Nonce& nonce, ByteView plaintext, ByteView associated_data = {});

// Nothing when the key, the nonce, the associated data or a byte is not what was sealed with.
std::optional<Bytes> open_sealed(const Bytes32& key, const Nonce& nonce, ByteView sealed,
                                 ByteView associated_data = {});

Nonce random_nonce();

}  // namespace gptoss::provenance::s5
