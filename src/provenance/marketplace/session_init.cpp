#include "provenance/marketplace/session_init.h"

#include <algorithm>

#include "base/bounded_json.h"
#include "provenance/marketplace/key_agreement.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/s5/key_pair.h"
#include "provenance/sha256.h"

namespace gptoss::provenance::marketplace {
namespace {

Refusal cannot_decrypt(const std::string& why) {
    return {"DECRYPTION_FAILED", why};
}

chain::Word digest_of(ByteView bytes) {
    return sha256(std::as_bytes(bytes));
}

// An optional text field as bytes of hexadecimal; empty when it is absent or something else.
Bytes optional_hexadecimal(const nlohmann::json& payload, const char* name) {
    const auto field = payload.find(name);
    if (field == payload.end() || !field->is_string()) return {};
    return from_hexadecimal(field->get_ref<const std::string&>()).value_or(Bytes{});
}

// What the SDK signs. The fields are the bytes that the hexadecimal stands for, but for info, which is a text.
chain::Word sdk_digest(const nlohmann::json& payload, ByteView ephemeral, const chain::PrivateKey& host_key,
                       const SealedPayload& sealed) {
    const ByteView bar = s5::bytes_of("|");
    const std::string info = payload.contains("info") && payload["info"].is_string()
                                 ? payload["info"].get<std::string>()
                                 : std::string();
    Bytes text =
        s5::joined({s5::bytes_of("E2EEv1|"), ephemeral, bar, host_key.public_key(), bar,
                    optional_hexadecimal(payload, "saltHex"), bar, sealed.nonce, bar, s5::bytes_of(info)});
    if (!sealed.associated_data.empty()) text = s5::joined({text, bar, sealed.associated_data});
    return digest_of(text);
}

// False for JSON that is not of the form: a job's number is a text, since JavaScript's numbers cannot hold it.
bool read_fields(const std::string& plaintext, SessionInit& init) {
    const auto json = parse_bounded_json(plaintext);
    const auto text = [&](const char* name) -> const std::string* {
        const auto field = json.is_object() ? json.find(name) : json.end();
        return field != json.end() && field->is_string() ? field->get_ptr<const std::string*>() : nullptr;
    };
    const std::string *key = text("sessionKey"), *job = text("jobId"), *model = text("modelName");
    if (!key || !job || !model || !json.contains("pricePerToken") ||
        !json["pricePerToken"].is_number_unsigned())
        return false;
    auto key_bytes = from_hexadecimal(*key);
    if (!key_bytes || key_bytes->size() != init.session_key.size()) return false;
    init.session_key = s5::bytes32_of(*key_bytes);
    s5::wipe(*key_bytes);
    init.job_id = *job;
    init.model_name = *model;
    init.price_per_token = json["pricePerToken"];
    if (const auto recovery = json.find("recoveryPublicKey");
        recovery != json.end() && !recovery->is_null()) {
        const auto point =
            recovery->is_string() ? from_hexadecimal(recovery->get_ref<const std::string&>()) : std::nullopt;
        if (!point || !chain::address_of_point(*point)) return false;
        init.recovery_public_key = recovery->get<std::string>();
    }
    if (const auto database = json.find("vectorDatabase"); database != json.end() && !database->is_null())
        init.vector_database = *database;
    return true;
}

}  // namespace

OrRefusal<SessionInit> open_session_init(const nlohmann::json& message, const chain::PrivateKey& host_key) {
    if (!message.is_object() || !message.contains("payload") || message["payload"].is_null())
        return Refusal{"MISSING_PAYLOAD", "The message has no payload."};
    const nlohmann::json& payload = message["payload"];
    std::optional<Bytes> fields[2];
    std::size_t i = 0;
    for (const char* name : {"ephPubHex", "signatureHex"}) {
        if (!payload.is_object() || !payload.contains(name) || !payload[name].is_string())
            return Refusal{"INVALID_PAYLOAD", std::string("The payload has no ") + name + "."};
        fields[i] = from_hexadecimal(payload[name].get_ref<const std::string&>());
        if (!fields[i]) return Refusal{"INVALID_HEX_ENCODING", std::string(name) + " is no hexadecimal."};
        ++i;
    }
    const auto read = read_sealed_payload(payload, "INVALID_PAYLOAD");
    if (const auto* refusal = std::get_if<Refusal>(&read)) return *refusal;
    const auto& sealed = std::get<SealedPayload>(read);

    // The SDK signs the compressed form, whichever form is sent.
    const auto ephemeral = chain::compressed_point(*fields[0]);
    if (!ephemeral) return cannot_decrypt("ephPubHex is no public key.");
    auto key = session_setup_key(host_key, *ephemeral);
    if (!key) return cannot_decrypt("ephPubHex is no public key.");
    const auto signature = chain::signature_from_bytes(*fields[1]);
    if (!signature) return cannot_decrypt("signatureHex is no signature of 65 bytes in its low form.");
    auto plaintext = open_payload(sealed, *key);
    s5::wipe(*key);
    if (std::holds_alternative<Refusal>(plaintext))
        return cannot_decrypt("The session's setup is not encrypted to this host's key.");
    SessionInit init;
    auto& text = std::get<std::string>(plaintext);
    const bool fits = read_fields(text, init);
    s5::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    if (!fits) return cannot_decrypt("The session's setup lacks a field, or has one of another type.");

    for (const chain::Word& digest :
         {sdk_digest(payload, *ephemeral, host_key, sealed), digest_of(sealed.ciphertext)})
        if (const auto signer = chain::recover(digest, *signature)) init.possible_signers.push_back(*signer);
    if (init.possible_signers.empty()) return cannot_decrypt("The signature is nobody's.");
    return init;
}

}  // namespace gptoss::provenance::marketplace
