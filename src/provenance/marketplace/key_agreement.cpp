#include "provenance/marketplace/key_agreement.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

#include "base/check.h"
#include "provenance/s5/key_pair.h"
#include "provenance/sha256.h"

namespace gptoss::provenance::marketplace {
namespace {

struct FreeContext {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

int length_of(std::size_t bytes) {
    check(bytes <= 1024, "secrets, salts and names of keys are short");
    return static_cast<int>(bytes);
}

}  // namespace

Bytes32 hkdf_sha256(ByteView secret, std::string_view info, ByteView salt) {
    const std::unique_ptr<EVP_PKEY_CTX, FreeContext> context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
    const Bytes32 no_salt{};
    if (salt.empty()) salt = no_salt;
    const s5::ByteView name = s5::bytes_of(info);
    Bytes32 key{};
    std::size_t size = key.size();
    check(context && EVP_PKEY_derive_init(context.get()) == 1 &&
              EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1 &&
              EVP_PKEY_CTX_set1_hkdf_salt(context.get(), salt.data(), length_of(salt.size())) == 1 &&
              EVP_PKEY_CTX_set1_hkdf_key(context.get(), secret.data(), length_of(secret.size())) == 1 &&
              EVP_PKEY_CTX_add1_hkdf_info(context.get(), name.data(), length_of(name.size())) == 1 &&
              EVP_PKEY_derive(context.get(), key.data(), &size) == 1 && size == key.size(),
          "OpenSSL derives keys");
    return key;
}

std::optional<Bytes32> session_setup_key(const chain::PrivateKey& own, ByteView point) {
    auto x = own.shared_x(point);
    if (!x) return std::nullopt;
    const Bytes32 key = hkdf_sha256(*x, "");
    s5::wipe(*x);
    return key;
}

std::optional<Bytes32> checkpoint_key(const chain::PrivateKey& own, ByteView point) {
    auto x = own.shared_x(point);
    if (!x) return std::nullopt;
    auto secret = sha256(std::as_bytes(std::span(*x)));
    const Bytes32 key = hkdf_sha256(secret, "checkpoint-delta-encryption-v1");
    s5::wipe(*x);
    s5::wipe(secret);
    return key;
}

}  // namespace gptoss::provenance::marketplace
