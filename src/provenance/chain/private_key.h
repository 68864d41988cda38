// A secp256k1 key: signs digests, knows its address. The bytes are wiped when it goes and never printed.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "provenance/chain/bytes.h"

namespace gptoss::provenance::chain {

struct Signature {
    Word r{}, s{};            // s is in the lower half (EIP-2)
    std::uint8_t parity = 0;  // 0 or 1: which of the two points
};

using CompressedPoint = std::array<std::uint8_t, 33>;  // 02 or 03, then x

class PrivateKey {
  public:
    // 64 hexadecimal digits, with or without 0x. Throws Error(setting_invalid) that names `setting`, never
    // the text.
    PrivateKey(std::string_view text, const std::string& setting);
    ~PrivateKey();
    PrivateKey(PrivateKey&&) noexcept;
    PrivateKey& operator=(PrivateKey&&) = delete;

    Address address() const;
    CompressedPoint public_key() const;
    Signature sign(const Word& digest) const;  // deterministic (RFC 6979)

    // ECDH: the x coordinate of the point shared with the owner of `point` (33 or 65 bytes), as it is. Secret.
    // Nothing when `point` is no public key.
    std::optional<Word> shared_x(std::span<const std::uint8_t> point) const;

  private:
    struct Secret;
    std::unique_ptr<Secret> secret_;
};

// Whose key made the signature; nothing when it is no signature.
std::optional<Address> recover(const Word& digest, const Signature& signature);
std::optional<CompressedPoint> recover_public_key(const Word& digest, const Signature& signature);

// Of a public key of 33 or 65 bytes; nothing when it is none.
std::optional<Address> address_of_point(std::span<const std::uint8_t> point);
std::optional<CompressedPoint> compressed_point(std::span<const std::uint8_t> point);

// r ‖ s ‖ v, v = 27 or 28, as Ethereum's tools write signatures.
std::array<std::uint8_t, 65> signature_bytes(const Signature& signature);
// 65 bytes with v = 0, 1, 27 or 28. Nothing for anything else, or for an s in the upper half, which would make
// two signatures of one (EIP-2).
std::optional<Signature> signature_from_bytes(std::span<const std::uint8_t> bytes);

// keccak256("\x19Ethereum Signed Message:\n" ‖ length ‖ message): what personal_sign signs (EIP-191).
Word personal_digest(std::string_view message);

}  // namespace gptoss::provenance::chain
