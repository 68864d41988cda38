#include "provenance/s5/portal_account.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bounded_json.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/multibase.h"

namespace gptoss::provenance::s5 {

PortalAccount::PortalAccount(const Identity& identity, const Bytes32& account_seed)
    : seed_text_(to_base64url(account_seed)),
      key_(blake3(joined({identity.seed(SeedPurpose::storage_accounts), account_seed}))) {}

std::string PortalAccount::public_key_text() const {
    return to_base64url(key_.typed_public_key());
}

std::string PortalAccount::identifier_suffix() const {
    constexpr std::size_t kCharacters = 16;
    return seed_text_.substr(0, kCharacters);
}

Bytes PortalAccount::response(AccountRequest request, const Bytes32& challenge,
                              std::string_view portal_host) {
    const auto type = static_cast<std::uint8_t>(request);
    return joined({{&type, 1}, challenge, blake3(bytes_of(portal_host))});
}

std::optional<std::string> PortalAccount::request_body(AccountRequest request, std::string_view challenge,
                                                       std::string_view portal_host,
                                                       std::string_view label) const {
    const auto bytes = from_base64url(challenge);
    if (!bytes || bytes->size() != sizeof(Bytes32)) return std::nullopt;
    const Bytes signed_response = response(request, bytes32_of(*bytes), portal_host);
    return nlohmann::ordered_json{{"pubKey", public_key_text()},
                                  {"response", to_base64url(signed_response)},
                                  {"signature", to_base64url(key_.sign(signed_response))},
                                  {"label", std::string(label)}}
        .dump();
}

std::string token_of_reply(std::string_view set_cookie, std::string_view body) {
    constexpr std::string_view kName = "s5-auth-token=";
    if (const std::size_t at = set_cookie.find(kName); at != std::string_view::npos) {
        const std::string_view value = set_cookie.substr(at + kName.size());
        if (const std::size_t end = std::min(value.find(';'), value.size()); end > 0)
            return std::string(value.substr(0, end));
    }
    const auto json = parse_bounded_json(body);
    if (!json.is_object() || !json.contains("authToken") || !json["authToken"].is_string()) return "";
    return json["authToken"].get<std::string>();
}

}  // namespace gptoss::provenance::s5
