// A node of the S5 network, as a client talks to it (peer_messages.h): it keeps registry entries.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "provenance/s5/key_pair.h"
#include "provenance/s5/registry_entry.h"
#include "provenance/s5/web_socket_client.h"

namespace gptoss::provenance::s5 {

class Peer {
  public:
    // Connects and shakes hands. `wait`: for an entry, as nobody says that there is none. Throws
    // Error(network_failed), as all of it does, when the node is away or does not answer our challenge.
    Peer(const std::string& url, std::chrono::milliseconds wait);

    // The key's entry; nothing when the node sends none in time.
    std::optional<RegistryEntry> find_entry(const Bytes32& public_key) {
        return entry_from(public_key, 0, wait_);
    }
    // What the node keeps then: this entry, or one of a later revision. Nothing when it keeps neither.
    std::optional<RegistryEntry> set_entry(const RegistryEntry& entry);

    static constexpr std::chrono::seconds kLimit{
        15};  // to connect, to shake hands and for each message to go

  private:
    std::optional<RegistryEntry> entry_from(const Bytes32& public_key, std::uint64_t least_revision,
                                            std::chrono::milliseconds limit);
    // Takes messages until `wanted` is content with one or the time is over, and answers what must be answered.
    bool listen(const std::function<bool(ByteView)>& wanted, std::chrono::milliseconds limit);

    const std::chrono::milliseconds wait_;
    const KeyPair key_;
    WebSocketClient socket_;
};

}  // namespace gptoss::provenance::s5
