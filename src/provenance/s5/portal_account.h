// An account at a portal: a key of its own, proved by signing the portal's challenge. Registering and logging in
// are the same two requests under another name:
//   GET  {portal}/s5/account/{register|login}?pubKey=…   -> {"challenge": …}
//   POST {portal}/s5/account/{register|login}            <- request_body()
//                                                        -> cookie s5-auth-token, or {"authToken": …}
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/key_pair.h"

namespace gptoss::provenance::s5 {

enum class AccountRequest : std::uint8_t { registration = 1, login = 2 };

class PortalAccount {
  public:
    // `account_seed`: 32 bytes chosen when the account was made, kept in the hidden database.
    PortalAccount(const Identity& identity, const Bytes32& account_seed);

    // As requests name the account: base64url of ed ‖ key.
    std::string public_key_text() const;
    // By which s5.js files the account: the beginning of the seed's text. Not secret.
    std::string identifier_suffix() const;

    // `portal_host` as the URL has it, with the port where that is not the usual one. `challenge` as the portal
    // wrote it; nothing when that is not 32 bytes. JSON with pubKey, response, signature and label.
    std::optional<std::string> request_body(AccountRequest request, std::string_view challenge,
                                            std::string_view portal_host,
                                            std::string_view label = "s5.js") const;

    // request type ‖ challenge ‖ BLAKE3(host): what is signed.
    static Bytes response(AccountRequest request, const Bytes32& challenge, std::string_view portal_host);
    const KeyPair& key() const { return key_; }

  private:
    std::string seed_text_;
    KeyPair key_;
};

// The token out of a reply's Set-Cookie header (any number of cookies) or its JSON body; empty when neither
// has one.
std::string token_of_reply(std::string_view set_cookie, std::string_view body);

}  // namespace gptoss::provenance::s5
