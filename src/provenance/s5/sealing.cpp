#include "provenance/s5/sealing.h"

#include <sodium.h>

#include "base/check.h"
#include "provenance/s5/key_pair.h"

namespace gptoss::provenance::s5 {

static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == sizeof(Nonce), "the nonce is XChaCha20's");
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes, "the tag is Poly1305's");

Bytes seal(const Bytes32& key, const Nonce& nonce, ByteView plaintext, ByteView associated_data) {
    Bytes sealed(plaintext.size() + kTagBytes);
    check(crypto_aead_xchacha20poly1305_ietf_encrypt(
              sealed.data(), nullptr, plaintext.data(), plaintext.size(), associated_data.data(),
              associated_data.size(), nullptr, nonce.data(), key.data()) == 0,
          "sealing cannot fail");
    return sealed;
}

std::optional<Bytes> open_sealed(const Bytes32& key, const Nonce& nonce, ByteView sealed,
                                 ByteView associated_data) {
    if (sealed.size() < kTagBytes) return std::nullopt;
    Bytes plaintext(sealed.size() - kTagBytes);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plaintext.data(), nullptr, nullptr, sealed.data(),
                                                   sealed.size(), associated_data.data(),
                                                   associated_data.size(), nonce.data(), key.data()) != 0)
        return std::nullopt;
    return plaintext;
}

Nonce random_nonce() {
    Nonce nonce{};
    fill_randomly(nonce);
    return nonce;
}

}  // namespace gptoss::provenance::s5
