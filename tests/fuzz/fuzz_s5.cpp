// Any bytes as what an S5 portal, a peer or another client sends. The first byte says as which of them.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/error.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/cbor.h"
#include "provenance/s5/directory.h"
#include "provenance/s5/encrypted_blob.h"
#include "provenance/s5/peer_messages.h"
#include "provenance/s5/portal_account.h"
#include "provenance/s5/portal_reply.h"
#include "provenance/s5/registry_entry.h"
#include "provenance/s5/seed_phrase.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    using namespace gptoss::provenance::s5;
    if (size == 0) return 0;
    const ByteView bytes(data + 1, size - 1);
    const std::string_view text = text_of(bytes);
    switch (data[0] % 8) {
        case 0:
            // What is read is written so that it reads the same.
            if (const auto directory = read_directory(bytes)) {
                const auto again = read_directory(directory->serialized());
                check(again && again->serialized() == directory->serialized(),
                      "a directory changes its bytes");
            }
            break;
        case 1:
            read_cbor(bytes);
            break;
        case 2:
            if (const auto id = blob_identifier_from_text(text))
                check(blob_identifier_from_text(id->text()) == id, "an identifier changes");
            blob_identifier_from_bytes(bytes);
            break;
        case 3:
            read_entry(bytes);
            break;
        case 4:
            decrypt_mutable(bytes, {});
            decrypt_file(bytes, {});
            break;
        case 5:
            read_handshake_open(bytes);
            read_handshake_done(bytes, {});
            read_storage_location(bytes);
            break;
        case 6:
            try {
                entropy_of_phrase(text, "PHRASE");
            } catch (const Error&) {
            }
            break;
        default:
            token_of_reply(text, text);
            identifier_of_reply(text);
            challenge_of_reply(text);
            PortalAccounts::from_text(text).seed_at("portal");
            from_multibase(text);
            from_base64url(text);
    }
    return 0;
}
