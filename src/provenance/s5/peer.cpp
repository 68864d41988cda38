#include "provenance/s5/peer.h"

#include <algorithm>

#include "base/error.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/peer_messages.h"

namespace gptoss::provenance::s5 {
namespace {

using std::chrono::milliseconds;

Bytes32 random_seed() {
    Bytes32 seed{};
    fill_randomly(seed);
    return seed;
}

}  // namespace

// A client's key names a connection and nothing more, so that it is a new one each time.
Peer::Peer(const std::string& url, milliseconds wait)
    : wait_(wait), key_(random_seed()), socket_(url, kLimit) {
    std::array<std::uint8_t, 31> random{};
    fill_randomly(random);
    const PeerChallenge challenge = make_challenge(random, key_);
    socket_.send(handshake_open(challenge), kLimit);
    if (!listen([&](ByteView message) { return read_handshake_done(message, challenge).has_value(); },
                kLimit))
        throw Error(ErrorCode::network_failed, "the S5 node " + url + " does not answer our challenge",
                    "Is it an S5 node's /s5/p2p?", {{"url", url}});
}

bool Peer::listen(const std::function<bool(ByteView)>& wanted, milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left = deadline - std::chrono::steady_clock::now();
        const auto message =
            socket_.receive(std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(left)));
        if (!message) return false;
        if (const auto theirs = read_handshake_open(*message))
            socket_.send(handshake_done(key_, *theirs), kLimit);
        if (wanted(*message)) return true;
        if (left <= milliseconds(0)) return false;
    }
}

std::optional<RegistryEntry> Peer::entry_from(const Bytes32& public_key, std::uint64_t least_revision,
                                              milliseconds limit) {
    constexpr std::uint8_t kType[] = {kEd25519Type};
    socket_.send(ask_for_entry(joined({kType, public_key})), kLimit);
    std::optional<RegistryEntry> found;
    listen(
        [&](ByteView message) {
            auto entry = read_entry(message);
            if (!entry || entry->public_key != public_key || entry->revision < least_revision) return false;
            found = std::move(entry);
            return true;
        },
        limit);
    return found;
}

// Nodes do not acknowledge what they are given. Here a stored entry must come back, so the wait is longer.
std::optional<RegistryEntry> Peer::set_entry(const RegistryEntry& entry) {
    socket_.send(entry.serialized(), kLimit);
    return entry_from(entry.public_key, entry.revision, kLimit);
}

}  // namespace gptoss::provenance::s5
