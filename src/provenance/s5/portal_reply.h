// What portals answer, read with care, and the list of an identity's accounts at them ("accounts.json" of its hidden
// database, in s5.js's form).
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "provenance/http_client.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/file_system.h"
#include "provenance/s5/portal_account.h"

namespace gptoss::provenance::s5 {

// {"cid": …}; nothing for anything else.
std::optional<BlobIdentifier> identifier_of_reply(std::string_view body);
// {"challenge": …} of 32 bytes.
std::optional<std::string> challenge_of_reply(std::string_view body);
// Upload-Offset.
std::optional<std::uint64_t> offset_of_reply(const HttpReply& reply);
// The beginning of what a portal says, without what could disturb a log.
std::string reason_in(std::string_view body);

// Throws unless the portal answered with one of the statuses `done`: Error(network_refused), with what it says, where
// it does not do what it is asked for; Error(network_failed), which trying again may mend, where it could not be asked
// or has trouble of its own (5xx). `when_away` is the hint for the latter.
void require_status(const std::string& url, const HttpReply& reply, std::initializer_list<int> done,
                    const char* when_away);
// The same for a reply that is known not to be wanted.
[[noreturn]] void throw_reply(const std::string& url, const HttpReply& reply, const char* when_away);

class PortalAccounts {
  public:
    // Bytes of any kind; what is no list of accounts is an empty one.
    static PortalAccounts from_text(std::string_view json);
    std::string text() const { return json_.dump(); }

    // The seed of the account at a portal's host, the first of the active ones.
    std::optional<Bytes32> seed_at(const std::string& host) const;
    void add(const std::string& host, const std::string& url, const PortalAccount& account,
             const Bytes32& seed);

    std::uint64_t next_revision = 0;  // of the hidden entry

  private:
    nlohmann::ordered_json json_;
};

// Throws what the network throws. A list whose bytes nobody has any more begins anew.
PortalAccounts read_accounts(const Identity& identity, Network& network);
// Throws Error(network_failed) when another program wrote it meanwhile.
void write_accounts(const Identity& identity, Network& network, const PortalAccounts& accounts);

}  // namespace gptoss::provenance::s5
