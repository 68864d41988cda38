// SHA-256 through OpenSSL, which uses the processor's SHA extensions where it has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gptoss::provenance {

using Sha256Digest = std::array<std::uint8_t, 32>;

class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::span<const std::byte> bytes);
    Sha256Digest finish();  // once

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

Sha256Digest sha256(std::span<const std::byte> bytes);
std::string to_hex(std::span<const std::uint8_t> bytes);  // lowercase, no 0x

// 64 hexadecimal digits, with or without 0x, in any case -> 64 lowercase digits; empty when it is anything
// else.
std::string normalise_hash(std::string_view text);

}  // namespace gptoss::provenance
