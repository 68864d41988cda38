// The first message of an encrypted session: the client chooses the session's key and encrypts it, with the job
// it pays from, to the host's public key.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "provenance/chain/private_key.h"
#include "provenance/marketplace/hexadecimal.h"
#include "provenance/marketplace/refusal.h"

namespace gptoss::provenance::marketplace {

struct SessionInit {
    Bytes32 session_key{};
    std::string job_id;
    std::string model_name;
    std::uint64_t price_per_token = 0;
    std::optional<std::string> recovery_public_key;  // as the client wrote it; a point of 33 or 65 bytes
    std::optional<nlohmann::json> vector_database;

    // Who may have signed: whose signature it is over the text that the SDK signs ("E2EEv1|…"), and over
    // SHA-256 of the ciphertext, as older clients sign. One of them is the client, the other nobody: the job's
    // depositor must be among them.
    std::vector<chain::Address> possible_signers;
};

// `message`: the whole encrypted_session_init; its `payload` is {ephPubHex, ciphertextHex, signatureHex,
// nonceHex, aadHex}, with saltHex and info where the SDK signs them. Codes: MISSING_PAYLOAD, INVALID_PAYLOAD (a
// field is missing or no text), INVALID_HEX_ENCODING, INVALID_NONCE_SIZE, and DECRYPTION_FAILED for everything
// that depends on the keys.
OrRefusal<SessionInit> open_session_init(const nlohmann::json& message, const chain::PrivateKey& host_key);

}  // namespace gptoss::provenance::marketplace
