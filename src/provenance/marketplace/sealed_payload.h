// The part that all encrypted messages share: {"ciphertextHex", "nonceHex", "aadHex"}, XChaCha20-Poly1305.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "provenance/marketplace/hexadecimal.h"
#include "provenance/marketplace/refusal.h"
#include "provenance/s5/sealing.h"

namespace gptoss::provenance::marketplace {

struct SealedPayload {
    Bytes ciphertext;
    s5::Nonce nonce{};
    Bytes associated_data;
};

// `missing`: the code for a field that is not there or no text. Else INVALID_HEX_ENCODING, INVALID_NONCE_SIZE.
OrRefusal<SealedPayload> read_sealed_payload(const nlohmann::json& payload, const std::string& missing);

// The plaintext, UTF-8. DECRYPTION_FAILED, INVALID_UTF8.
OrRefusal<std::string> open_payload(const SealedPayload& payload, const Bytes32& key);

struct OpenedMessage {
    std::string plaintext;        // JSON with the options inside, or a bare prompt
    s5::Nonce nonce{};            // never to be accepted twice in a session
    std::string associated_data;  // "message_{n}" from clients that count
};
// Of a session: an encrypted_message's payload. MISSING_PAYLOAD_FIELDS and the codes above.
OrRefusal<OpenedMessage> open_message(const nlohmann::json& payload, const Bytes32& session_key);

// To the client, for a chunk with the number `index` ("chunk_{index}" is authenticated, and index is in the
// payload), and for the end, whose plaintext is the finish reason.
nlohmann::ordered_json seal_chunk(const Bytes32& session_key, const s5::Nonce& nonce, std::string_view text,
                                  std::uint64_t index);
nlohmann::ordered_json seal_end(const Bytes32& session_key, const s5::Nonce& nonce,
                                std::string_view finish_reason);

}  // namespace gptoss::provenance::marketplace
