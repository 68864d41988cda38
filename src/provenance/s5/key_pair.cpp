#include "provenance/s5/key_pair.h"

#include <sodium.h>

#include "base/check.h"
#include "provenance/s5/blob_identifier.h"

namespace gptoss::provenance::s5 {
namespace {

void start_sodium() {
    static const bool started = sodium_init() >= 0;
    check(started, "libsodium cannot be started");
}

}  // namespace

struct KeyPair::Secret {
    Bytes32 public_key{};
    std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> key{};
    ~Secret() { sodium_memzero(key.data(), key.size()); }
};

KeyPair::KeyPair(const Bytes32& seed) : secret_(std::make_unique<Secret>()) {
    start_sodium();
    check(crypto_sign_seed_keypair(secret_->public_key.data(), secret_->key.data(), seed.data()) == 0,
          "every seed gives a key");
}
KeyPair::~KeyPair() = default;
KeyPair::KeyPair(KeyPair&&) noexcept = default;
KeyPair& KeyPair::operator=(KeyPair&&) noexcept = default;

const Bytes32& KeyPair::public_key() const {
    return secret_->public_key;
}

Bytes KeyPair::typed_public_key() const {
    return joined({{&kEd25519Type, 1}, secret_->public_key});
}

Ed25519Signature KeyPair::sign(ByteView message) const {
    Ed25519Signature signature{};
    check(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                               secret_->key.data()) == 0,
          "a key signs");
    return signature;
}

bool verify(const Bytes32& public_key, ByteView message, ByteView signature) {
    start_sodium();
    return signature.size() == crypto_sign_BYTES &&
           crypto_sign_verify_detached(signature.data(), message.data(), message.size(), public_key.data()) ==
               0;
}

void wipe(std::span<std::uint8_t> secret) {
    sodium_memzero(secret.data(), secret.size());
}

void fill_randomly(std::span<std::uint8_t> bytes) {
    start_sodium();
    randombytes_buf(bytes.data(), bytes.size());
}

}  // namespace gptoss::provenance::s5
