#include "provenance/marketplace/host_proof.h"

#include "provenance/sha256.h"

namespace gptoss::provenance::marketplace {

std::optional<ChallengeAnswer> answer_challenge(std::string_view challenge,
                                                const chain::PrivateKey& host_key) {
    const auto bytes = from_hexadecimal(challenge);
    if (!bytes || bytes->size() != 32) return std::nullopt;
    const chain::Signature signature = host_key.sign(sha256(std::as_bytes(std::span(*bytes))));
    return ChallengeAnswer{to_hexadecimal(s5::joined({signature.r, signature.s})), signature.parity};
}

std::string portal_registration_message(const chain::Address& host) {
    return "Register S5 account for " + chain::to_checksum_text(host);
}

std::optional<chain::Address> session_authoriser(std::string_view session_id, const chain::Address& client,
                                                 std::string_view signature) {
    const auto bytes = from_hexadecimal(signature);
    const auto parsed = bytes ? chain::signature_from_bytes(*bytes) : std::nullopt;
    if (!parsed) return std::nullopt;
    const std::string message =
        "FC1-SESSION-AUTH:" + std::string(session_id) + ":" + chain::to_hex_prefixed(client);
    return chain::recover(chain::keccak256(message), *parsed);
}

}  // namespace gptoss::provenance::marketplace
