// How a host proves whose it is: that it holds the registered key, to clients and to S5 portals; and how a
// payment backend says that a session may begin.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/chain/private_key.h"
#include "provenance/marketplace/hexadecimal.h"

namespace gptoss::provenance::marketplace {

// POST /v1/auth/challenge: the client recovers the host's public key from a signature over SHA-256 of its
// challenge. SHA-256, not keccak: what is signed is never a transaction's hash, whatever the challenge.
struct ChallengeAnswer {
    std::string signature;  // r ‖ s, 128 hexadecimal digits
    int recovery_id = 0;    // "recid"
};
// Nothing for a challenge that is not 32 bytes of hexadecimal.
std::optional<ChallengeAnswer> answer_challenge(std::string_view challenge,
                                                const chain::PrivateKey& host_key);

// The message that registers a host at a portal, signed with personal_signature() (checkpoint.h).
std::string portal_registration_message(const chain::Address& host);

// Who says that `client` may use the session: the signer of keccak256("FC1-SESSION-AUTH:{session}:{client,
// lower case}"); nothing when the signature is none.
std::optional<chain::Address> session_authoriser(std::string_view session_id, const chain::Address& client,
                                                 std::string_view signature);

}  // namespace gptoss::provenance::marketplace
