// A secp256k1 key: signs digests, knows its address. The bytes are wiped when it goes and never printed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "provenance/chain/bytes.h"

namespace gptoss::provenance::chain {

struct Signature {
    Word r{}, s{};            // s is in the lower half (EIP-2)
    std::uint8_t parity = 0;  // 0 or 1: which of the two points
};

class PrivateKey {
  public:
    // 64 hexadecimal digits, with or without 0x. Throws Error(setting_invalid) that names `setting`, never
    // the text.
    PrivateKey(std::string_view text, const std::string& setting);
    ~PrivateKey();
    PrivateKey(PrivateKey&&) noexcept;
    PrivateKey& operator=(PrivateKey&&) = delete;

    Address address() const;
    Signature sign(const Word& digest) const;  // deterministic (RFC 6979)

  private:
    struct Secret;
    std::unique_ptr<Secret> secret_;
};

// Whose key made the signature; nothing when it is no signature.
std::optional<Address> recover(const Word& digest, const Signature& signature);

}  // namespace gptoss::provenance::chain
