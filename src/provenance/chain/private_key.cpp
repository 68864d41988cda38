#include "provenance/chain/private_key.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace gptoss::provenance::chain {
namespace {

struct FreeContext {
    void operator()(secp256k1_context* context) const { secp256k1_context_destroy(context); }
};

// Blinded once with fresh randomness, so that signing leaks less through timing and power (the library's
// advice).
const secp256k1_context* context() {
    static const std::unique_ptr<secp256k1_context, FreeContext> shared = [] {
        std::unique_ptr<secp256k1_context, FreeContext> made(
            secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY));
        std::uint8_t seed[32];
        check(RAND_bytes(seed, sizeof seed) == 1, "no randomness");
        check(secp256k1_context_randomize(made.get(), seed) == 1, "secp256k1 cannot be blinded");
        return made;
    }();
    return shared.get();
}

Address address_of(const secp256k1_pubkey& key) {
    std::uint8_t point[65];
    std::size_t size = sizeof point;
    secp256k1_ec_pubkey_serialize(context(), point, &size, &key, SECP256K1_EC_UNCOMPRESSED);
    const Word hash = keccak256(std::span(point + 1, 64));  // without the 0x04 that says "uncompressed"
    Address address;
    std::copy(hash.begin() + 12, hash.end(), address.begin());
    return address;
}

CompressedPoint compressed(const secp256k1_pubkey& key) {
    CompressedPoint point{};
    std::size_t size = point.size();
    secp256k1_ec_pubkey_serialize(context(), point.data(), &size, &key, SECP256K1_EC_COMPRESSED);
    return point;
}

std::optional<secp256k1_pubkey> recovered(const Word& digest, const Signature& signature) {
    if (signature.parity > 3) return std::nullopt;
    std::uint8_t compact[64];
    std::copy(signature.r.begin(), signature.r.end(), compact);
    std::copy(signature.s.begin(), signature.s.end(), compact + 32);
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &parsed, compact, signature.parity) !=
            1 ||
        secp256k1_ecdsa_recover(context(), &key, &parsed, digest.data()) != 1)
        return std::nullopt;
    return key;
}

}  // namespace

struct PrivateKey::Secret {
    Word bytes{};
    ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

PrivateKey::PrivateKey(std::string_view text, const std::string& setting)
    : secret_(std::make_unique<Secret>()) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.remove_suffix(1);
    if (text.starts_with("0x")) text.remove_prefix(2);
    std::string prefixed = "0x" + std::string(text);
    auto word = word_from_hex(prefixed);
    OPENSSL_cleanse(prefixed.data(), prefixed.size());
    if (word) {
        secret_->bytes = *word;
        OPENSSL_cleanse(word->data(), word->size());
    }
    if (!word || secp256k1_ec_seckey_verify(context(), secret_->bytes.data()) != 1)
        throw Error(ErrorCode::setting_invalid, setting + " is not a private key (64 hexadecimal digits)",
                    "Put the key in a file that only this user can read; it is not shown here.",
                    {{"setting", setting}});
}
PrivateKey::~PrivateKey() = default;
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;

Address PrivateKey::address() const {
    secp256k1_pubkey key;
    check(secp256k1_ec_pubkey_create(context(), &key, secret_->bytes.data()) == 1,
          "a verified key has a public key");
    return address_of(key);
}

Signature PrivateKey::sign(const Word& digest) const {
    secp256k1_ecdsa_recoverable_signature made;
    check(secp256k1_ecdsa_sign_recoverable(context(), &made, digest.data(), secret_->bytes.data(), nullptr,
                                           nullptr) == 1,
          "a verified key signs");
    std::uint8_t compact[64];
    int parity = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact, &parity, &made);
    Signature signature;
    std::copy(compact, compact + 32, signature.r.begin());
    std::copy(compact + 32, compact + 64, signature.s.begin());
    signature.parity = static_cast<std::uint8_t>(parity);
    return signature;
}

CompressedPoint PrivateKey::public_key() const {
    secp256k1_pubkey key;
    check(secp256k1_ec_pubkey_create(context(), &key, secret_->bytes.data()) == 1,
          "a verified key has a public key");
    return compressed(key);
}

std::optional<Word> PrivateKey::shared_x(std::span<const std::uint8_t> point) const {
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_parse(context(), &key, point.data(), point.size()) != 1) return std::nullopt;
    // The library would hash the point; the protocols here take x itself.
    const auto take_x = [](unsigned char* out, const unsigned char* x, const unsigned char*, void*) {
        std::copy(x, x + 32, out);
        return 1;
    };
    Word x{};
    if (secp256k1_ecdh(context(), x.data(), &key, secret_->bytes.data(), take_x, nullptr) != 1)
        return std::nullopt;
    return x;
}

std::optional<Address> recover(const Word& digest, const Signature& signature) {
    const auto key = recovered(digest, signature);
    return key ? std::optional(address_of(*key)) : std::nullopt;
}

std::optional<CompressedPoint> recover_public_key(const Word& digest, const Signature& signature) {
    const auto key = recovered(digest, signature);
    return key ? std::optional(compressed(*key)) : std::nullopt;
}

std::optional<Address> address_of_point(std::span<const std::uint8_t> point) {
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_parse(context(), &key, point.data(), point.size()) != 1) return std::nullopt;
    return address_of(key);
}

std::optional<CompressedPoint> compressed_point(std::span<const std::uint8_t> point) {
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_parse(context(), &key, point.data(), point.size()) != 1) return std::nullopt;
    return compressed(key);
}

std::array<std::uint8_t, 65> signature_bytes(const Signature& signature) {
    std::array<std::uint8_t, 65> bytes{};
    std::copy(signature.r.begin(), signature.r.end(), bytes.begin());
    std::copy(signature.s.begin(), signature.s.end(), bytes.begin() + 32);
    bytes[64] = static_cast<std::uint8_t>(27 + signature.parity);
    return bytes;
}

std::optional<Signature> signature_from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() != 65) return std::nullopt;
    const std::uint8_t v = bytes[64];
    if (v != 0 && v != 1 && v != 27 && v != 28) return std::nullopt;
    secp256k1_ecdsa_signature parsed;
    if (secp256k1_ecdsa_signature_parse_compact(context(), &parsed, bytes.data()) != 1 ||
        secp256k1_ecdsa_signature_normalize(context(), nullptr, &parsed) != 0)  // 1: s was in the upper half
        return std::nullopt;
    Signature signature;
    std::copy(bytes.begin(), bytes.begin() + 32, signature.r.begin());
    std::copy(bytes.begin() + 32, bytes.begin() + 64, signature.s.begin());
    signature.parity = static_cast<std::uint8_t>(v % 27);
    return signature;
}

Word personal_digest(std::string_view message) {
    return keccak256(
        "\x19"
        "Ethereum Signed Message:\n" +
        std::to_string(message.size()) + std::string(message));
}

}  // namespace gptoss::provenance::chain
