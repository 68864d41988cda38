#include "provenance/marketplace/checkpoint.h"

#include <algorithm>

#include "provenance/marketplace/key_agreement.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/s5/key_pair.h"

namespace gptoss::provenance::marketplace {
namespace {

// nlohmann's objects are sorted by their keys, and dump() is compact: the form that is signed.
nlohmann::json messages_json(const std::vector<CheckpointMessage>& messages) {
    auto list = nlohmann::json::array();
    for (const CheckpointMessage& message : messages) {
        list.push_back(
            {{"role", message.role}, {"content", message.content}, {"timestamp", message.timestamp_ms}});
        if (message.metadata) list.back()["metadata"] = *message.metadata;
    }
    return list;
}

std::string prefixed(ByteView bytes) {
    return chain::to_hex_prefixed(bytes);
}

std::string folder(const chain::Address& host, std::string_view session_id) {
    return "home/checkpoints/" + prefixed(host) + "/" + std::string(session_id) + "/";
}

}  // namespace

std::string personal_signature(std::string_view message, const chain::PrivateKey& key) {
    return prefixed(chain::signature_bytes(key.sign(chain::personal_digest(message))));
}

std::optional<chain::Address> personal_signer(std::string_view message, std::string_view signature) {
    const auto bytes = from_hexadecimal(signature);
    const auto parsed = bytes ? chain::signature_from_bytes(*bytes) : std::nullopt;
    return parsed ? chain::recover(chain::personal_digest(message), *parsed) : std::nullopt;
}

nlohmann::json signed_delta(const CheckpointDelta& delta, const chain::PrivateKey& host_key) {
    const nlohmann::json messages = messages_json(delta.messages);
    return {{"sessionId", delta.session_id},
            {"checkpointIndex", delta.index},
            {"proofHash", delta.proof_hash},
            {"startToken", delta.start_token},
            {"endToken", delta.end_token},
            {"messages", messages},
            {"hostSignature", personal_signature(messages.dump(), host_key)}};
}

std::optional<nlohmann::ordered_json> encrypted_delta(const CheckpointDelta& delta,
                                                      const chain::PrivateKey& host_key,
                                                      const std::string& recovery_public_key,
                                                      const chain::PrivateKey& ephemeral_key,
                                                      const s5::Nonce& nonce) {
    const auto point = from_hexadecimal(recovery_public_key);
    auto key = point ? checkpoint_key(ephemeral_key, *point) : std::nullopt;
    if (!key) return std::nullopt;
    const std::string plaintext = signed_delta(delta, host_key).dump();
    const Bytes ciphertext = s5::seal(*key, nonce, s5::bytes_of(plaintext));
    s5::wipe(*key);
    return nlohmann::ordered_json{
        {"encrypted", true},
        {"version", 1},
        {"userRecoveryPubKey", recovery_public_key},
        {"ephemeralPublicKey", prefixed(ephemeral_key.public_key())},
        {"nonce", to_hexadecimal(nonce)},
        {"ciphertext", to_hexadecimal(ciphertext)},
        {"hostSignature", personal_signature(to_hexadecimal(chain::keccak256(ciphertext)), host_key)}};
}

std::optional<std::string> decrypt_delta(const nlohmann::json& encrypted,
                                         const chain::PrivateKey& client_key) {
    const auto field = [&](const char* name) {
        return encrypted.is_object() && encrypted.contains(name) && encrypted[name].is_string()
                   ? from_hexadecimal(encrypted[name].get_ref<const std::string&>())
                   : std::nullopt;
    };
    const auto point = field("ephemeralPublicKey"), nonce = field("nonce"), ciphertext = field("ciphertext");
    if (!point || !nonce || !ciphertext || nonce->size() != sizeof(s5::Nonce)) return std::nullopt;
    const auto key = checkpoint_key(client_key, *point);
    if (!key) return std::nullopt;
    SealedPayload payload{*ciphertext, {}, {}};
    std::ranges::copy(*nonce, payload.nonce.begin());
    auto opened = open_payload(payload, *key);
    if (std::holds_alternative<Refusal>(opened)) return std::nullopt;
    return std::get<std::string>(std::move(opened));
}

nlohmann::json signed_index(const std::string& session_id, const std::vector<CheckpointEntry>& checkpoints,
                            const chain::PrivateKey& host_key) {
    auto list = nlohmann::json::array();
    for (const CheckpointEntry& entry : checkpoints) {
        list.push_back({{"index", entry.index},
                        {"proofHash", entry.proof_hash},
                        {"deltaCid", entry.delta_cid},
                        {"tokenRange", {entry.start_token, entry.end_token}},
                        {"timestamp", entry.timestamp_ms}});
        if (entry.encrypted) list.back()["encrypted"] = true;
    }
    return {{"sessionId", session_id},
            {"hostAddress", prefixed(host_key.address())},
            {"checkpoints", list},
            {"hostSignature", personal_signature(list.dump(), host_key)}};
}

std::string delta_path(const chain::Address& host, std::string_view session_id, std::uint64_t index) {
    return folder(host, session_id) + "delta_" + std::to_string(index) + ".json";
}

std::string index_path(const chain::Address& host, std::string_view session_id) {
    return folder(host, session_id) + "index.json";
}

}  // namespace gptoss::provenance::marketplace
