#include "provenance/marketplace/sealed_payload.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace gptoss::provenance::marketplace {
namespace {

// nlohmann's own check, which refuses overlong forms and surrogates too.
bool is_utf8(std::string_view text) {
    try {
        (void)nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::type_error&) {
        return false;
    }
}

nlohmann::ordered_json sealed(const Bytes32& key, const s5::Nonce& nonce, std::string_view text,
                              const std::string& associated_data) {
    const ByteView data = s5::bytes_of(associated_data);
    return {{"ciphertextHex", to_hexadecimal(s5::seal(key, nonce, s5::bytes_of(text), data))},
            {"nonceHex", to_hexadecimal(nonce)},
            {"aadHex", to_hexadecimal(data)}};
}

}  // namespace

OrRefusal<SealedPayload> read_sealed_payload(const nlohmann::json& payload, const std::string& missing) {
    std::optional<Bytes> fields[3];
    std::size_t i = 0;
    for (const char* name : {"ciphertextHex", "nonceHex", "aadHex"}) {
        const auto field = payload.find(name);
        if (!payload.is_object() || field == payload.end() || !field->is_string())
            return Refusal{missing, std::string("The payload has no ") + name + "."};
        fields[i] = from_hexadecimal(field->get_ref<const std::string&>());
        if (!fields[i]) return Refusal{"INVALID_HEX_ENCODING", std::string(name) + " is no hexadecimal."};
        ++i;
    }
    SealedPayload sealed_payload{*std::move(fields[0]), {}, *std::move(fields[2])};
    if (fields[1]->size() != sealed_payload.nonce.size())
        return Refusal{"INVALID_NONCE_SIZE",
                       "The nonce has " + std::to_string(fields[1]->size()) + " bytes, not 24."};
    std::ranges::copy(*fields[1], sealed_payload.nonce.begin());
    return sealed_payload;
}

OrRefusal<std::string> open_payload(const SealedPayload& payload, const Bytes32& key) {
    const auto plaintext = s5::open_sealed(key, payload.nonce, payload.ciphertext, payload.associated_data);
    if (!plaintext) return Refusal{"DECRYPTION_FAILED", "The message cannot be decrypted with this key."};
    const std::string_view text = s5::text_of(*plaintext);
    if (!is_utf8(text)) return Refusal{"INVALID_UTF8", "The decrypted message is no UTF-8."};
    return std::string(text);
}

OrRefusal<OpenedMessage> open_message(const nlohmann::json& payload, const Bytes32& session_key) {
    auto read = read_sealed_payload(payload, "MISSING_PAYLOAD_FIELDS");
    if (const auto* refusal = std::get_if<Refusal>(&read)) return *refusal;
    const auto& sealed_payload = std::get<SealedPayload>(read);
    auto opened = open_payload(sealed_payload, session_key);
    if (const auto* refusal = std::get_if<Refusal>(&opened)) return *refusal;
    return OpenedMessage{std::get<std::string>(std::move(opened)), sealed_payload.nonce,
                         std::string(s5::text_of(sealed_payload.associated_data))};
}

nlohmann::ordered_json seal_chunk(const Bytes32& session_key, const s5::Nonce& nonce, std::string_view text,
                                  std::uint64_t index) {
    auto payload = sealed(session_key, nonce, text, "chunk_" + std::to_string(index));
    payload["index"] = index;
    return payload;
}

nlohmann::ordered_json seal_end(const Bytes32& session_key, const s5::Nonce& nonce,
                                std::string_view finish_reason) {
    return sealed(session_key, nonce, finish_reason, "encrypted_response_final");
}

}  // namespace gptoss::provenance::marketplace
