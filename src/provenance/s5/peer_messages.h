// What S5 nodes say to each other over a WebSocket: MessagePack items one after the other, without an array
// around them. Only what a client needs: to shake hands, to ask where a blob is, to ask for a registry entry.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/key_pair.h"

namespace gptoss::provenance::s5 {

using PeerChallenge = std::array<std::uint8_t, 64>;

// 31 random bytes, then our typed public key.
PeerChallenge make_challenge(ByteView random_31, const KeyPair& key);
Bytes handshake_open(const PeerChallenge& challenge);
// The peer's challenge out of its handshake_open; nothing for other bytes.
std::optional<PeerChallenge> read_handshake_open(ByteView message);

// Answers the peer's challenge: a message signed by us. `supported` and `limit` are what s5.js sends: 3 and 0.
Bytes handshake_done(const KeyPair& key, const PeerChallenge& peers_challenge);
// The peer's public key, when it has answered our challenge under its own signature.
std::optional<Bytes32> read_handshake_done(ByteView message, const PeerChallenge& our_challenge);

enum class LocationKind : std::uint8_t { file = 3, bridge = 5 };
// `hash` typed with 1f (blob_identifier.h).
Bytes ask_for_locations(ByteView typed_hash, const std::vector<std::uint8_t>& kinds = {3, 5});
Bytes ask_for_entry(ByteView typed_public_key);

struct StorageLocation {
    Bytes typed_hash;
    std::uint8_t kind = 0;
    std::uint32_t expires_s = 0;     // since the epoch
    std::vector<std::string> parts;  // URLs
    Bytes32 node{};                  // whose word it is
};
// Nothing for other bytes or a signature that does not fit. Whether it has expired is the caller's to see.
std::optional<StorageLocation> read_storage_location(ByteView record);

}  // namespace gptoss::provenance::s5
