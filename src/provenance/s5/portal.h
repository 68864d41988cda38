// The S5 network as a client of a portal sees it: blobs go to and come from the portal over HTTP, registry entries to
// and from nodes over a WebSocket. The account at the portal is the identity's: found in its hidden database, where
// s5.js keeps it too, and made on the first upload where there is none.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provenance/http_client.h"
#include "provenance/s5/file_system.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/peer.h"
#include "provenance/s5/portal_account.h"

namespace gptoss::provenance::s5 {

// A host whom portals let in because it is registered on the chain.
struct PortalHost {
    std::string address;                                        // with its checksum
    std::string message;                                        // what portals ask it to sign
    std::function<std::string(std::string_view message)> sign;  // personal_sign, 0x…
};

struct PortalOptions {
    std::string url;                 // http(s)://…
    std::vector<std::string> nodes;  // ws(s)://…; where empty the portal's own, /s5/p2p
    std::chrono::milliseconds node_wait{2500};
    std::optional<PortalHost> host;  // where the portal takes no one else
    std::uint64_t resumable_from_bytes = kWholeBytesMax;
    std::function<bool()> keep_going;  // false gives up what is going on; may be empty

    static constexpr std::uint64_t kWholeBytesMax = 32 << 20;  // larger files portals take in pieces alone
};

class Portal final : public Network {
  public:
    // `identity` must outlive it. Nothing is asked yet. Throws Error(setting_invalid) for another kind of URL.
    Portal(const Identity& identity, PortalOptions options);
    ~Portal() override;

    // All throw Error(network_failed) when the portal or its nodes are away, Error(network_refused) when they
    // refuse, Error(hash_mismatch) when the portal has other bytes than were asked for or given.
    void upload(ByteView blob) override;
    std::optional<Bytes> download(const Bytes32& hash) override;
    std::optional<RegistryEntry> find_entry(const Bytes32& public_key) override;
    bool set_entry(const RegistryEntry& entry) override;

    static constexpr std::uint64_t kDownloadBytesMax = 256 << 20;
    static constexpr std::uint64_t kPieceBytes = 16 << 20;  // of what goes in pieces

  private:
    HttpReply ask(HttpRequest request, bool with_token);
    HttpReply ask_or_throw(HttpRequest request, bool with_token);
    HttpReply ask_with_account(const std::function<HttpRequest()>& request);
    void upload_whole(ByteView blob, const BlobIdentifier& identifier);
    void upload_in_pieces(ByteView blob, const BlobIdentifier& identifier);
    std::string begin_pieces(ByteView blob, const BlobIdentifier& identifier);
    std::optional<std::uint64_t> received_bytes(const std::string& place);

    void sign_in();
    std::string log_in(const PortalAccount& account);
    std::string register_account(const PortalAccount& account);
    std::string register_host(const PortalAccount& account);
    std::string challenge_of(const HttpReply& reply) const;
    std::string token_of(const HttpReply& reply) const;

    // Asks the nodes that can be reached, one after the other: the first entry that one of them has. `all`: every
    // one of them is asked.
    std::optional<RegistryEntry> from_nodes(const std::function<std::optional<RegistryEntry>(Peer&)>& ask,
                                            bool all);

    const Identity& identity_;
    PortalOptions options_;
    std::string host_;  // as the URL has it, with the port where that is not the usual one
    HttpClient http_;
    std::string token_;
    bool signing_in_ = false;
    std::vector<std::unique_ptr<Peer>> peers_;  // by options_.nodes; null while not connected
};

}  // namespace gptoss::provenance::s5
