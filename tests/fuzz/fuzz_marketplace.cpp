// Any text as what a client of the marketplace sends before it is known to be one.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "provenance/marketplace/checkpoint.h"
#include "provenance/marketplace/host_proof.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/marketplace/session_init.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss::provenance;
    using namespace gptoss::provenance::marketplace;
    static const chain::PrivateKey key(std::string(64, '1'), "a fuzzer's key");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded()) {
        personal_signer("message", text);
        answer_challenge(text, key);
        session_authoriser("1", key.address(), text);
        chain::signature_from_bytes({data, size});
        chain::address_of_point({data, size});
        return 0;
    }
    open_session_init(json, key);
    open_message(json, {});
    read_sealed_payload(json, "MISSING");
    decrypt_delta(json, key);
    return 0;
}
