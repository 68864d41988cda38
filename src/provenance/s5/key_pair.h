// Ed25519 keys from seeds, through libsodium. Secrets are wiped when they go.
#pragma once

#include <array>
#include <memory>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

using Ed25519Signature = std::array<std::uint8_t, 64>;

class KeyPair {
  public:
    explicit KeyPair(const Bytes32& seed);
    ~KeyPair();
    KeyPair(KeyPair&&) noexcept;
    KeyPair& operator=(KeyPair&&) noexcept;

    const Bytes32& public_key() const;
    Bytes typed_public_key() const;  // ed ‖ key
    Ed25519Signature sign(ByteView message) const;

  private:
    struct Secret;
    std::unique_ptr<Secret> secret_;
};

bool verify(const Bytes32& public_key, ByteView message, ByteView signature);

// Overwrites what must not stay in memory.
void wipe(std::span<std::uint8_t> secret);

// From the system's generator.
void fill_randomly(std::span<std::uint8_t> bytes);

}  // namespace gptoss::provenance::s5
