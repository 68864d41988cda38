// Checkpoints of a session, as clients read them from S5: what was said since the last one (a delta), and the list
// of all of them (the index). Both are signed by the host: EIP-191 over JSON that is compact and has sorted keys.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provenance/chain/private_key.h"
#include "provenance/marketplace/hexadecimal.h"
#include "provenance/s5/sealing.h"

namespace gptoss::provenance::marketplace {

struct CheckpointMessage {
    std::string role, content;
    std::uint64_t timestamp_ms = 0;
    std::optional<nlohmann::json> metadata;  // {"partial": true} for an answer that goes on
};

struct CheckpointDelta {
    std::string session_id;
    std::uint64_t index = 0;  // from 0; never given twice in a session
    std::string proof_hash;   // 0x…
    std::uint64_t start_token = 0, end_token = 0;
    std::vector<CheckpointMessage> messages;
};

// The delta with its signature, keys sorted; the file is its dump(2).
nlohmann::json signed_delta(const CheckpointDelta& delta, const chain::PrivateKey& host_key);

// The same for the client's eyes alone. `recovery_public_key` as the client gave it; `ephemeral_key` and `nonce`
// are used once. The file is its dump(2), in this order of fields. Nothing when the recovery key is none.
std::optional<nlohmann::ordered_json> encrypted_delta(const CheckpointDelta& delta,
                                                      const chain::PrivateKey& host_key,
                                                      const std::string& recovery_public_key,
                                                      const chain::PrivateKey& ephemeral_key,
                                                      const s5::Nonce& nonce);

// The compact text of a delta back from an encrypted one, with the client's key; nothing when it is not for it.
std::optional<std::string> decrypt_delta(const nlohmann::json& encrypted,
                                         const chain::PrivateKey& client_key);

struct CheckpointEntry {
    std::uint64_t index = 0;
    std::string proof_hash, delta_cid;
    std::uint64_t start_token = 0, end_token = 0;
    std::uint64_t timestamp_ms = 0;
    bool encrypted = false;
};
nlohmann::json signed_index(const std::string& session_id, const std::vector<CheckpointEntry>& checkpoints,
                            const chain::PrivateKey& host_key);

// home/checkpoints/{host's address, lower case}/{session}/delta_{n}.json and …/index.json
std::string delta_path(const chain::Address& host, std::string_view session_id, std::uint64_t index);
std::string index_path(const chain::Address& host, std::string_view session_id);

// 0x ‖ r ‖ s ‖ v over a text (EIP-191).
std::string personal_signature(std::string_view message, const chain::PrivateKey& key);
// Whose personal_signature it is; nothing when it is none.
std::optional<chain::Address> personal_signer(std::string_view message, std::string_view signature);

}  // namespace gptoss::provenance::marketplace
