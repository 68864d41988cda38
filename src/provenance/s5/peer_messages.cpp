#include "provenance/s5/peer_messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "provenance/s5/blob_identifier.h"

namespace gptoss::provenance::s5 {
namespace {

using nlohmann::json;

enum Method : std::uint8_t {
    kHandshakeOpen = 1,
    kHandshakeDone = 2,
    kHashQuery = 4,
    kStorageLocation = 5,
    kSignedMessage = 10,
    kRegistryQuery = 13
};
constexpr std::size_t kKeyAt = 31;  // of a challenge

json binary(ByteView bytes) {
    return json::binary({bytes.begin(), bytes.end()});
}

// Items without the array's head, which is one byte for up to fifteen of them.
Bytes message_of(const json& items) {
    Bytes packed = json::to_msgpack(items);
    packed.erase(packed.begin());
    return packed;
}

// The item at the front, if it is bytes; what follows does not matter.
std::optional<Bytes> first_binary(ByteView bytes) {
    const json item = json::from_msgpack(bytes.begin(), bytes.end(), false, false);
    return item.is_binary() ? std::optional<Bytes>(item.get_binary()) : std::nullopt;
}

struct SignedMessage {
    Bytes32 sender{};
    Bytes message;
};

std::optional<SignedMessage> open_signed(ByteView bytes) {
    if (bytes.empty() || bytes[0] != kSignedMessage) return std::nullopt;
    constexpr std::uint8_t kArrayOfFour[] = {0x94};
    const json items = json::from_msgpack(joined({kArrayOfFour, bytes}), true, false);
    if (!items.is_array() || items.size() != 4 || !items[1].is_binary() || !items[2].is_binary() ||
        !items[3].is_binary())
        return std::nullopt;
    const Bytes key = items[1].get_binary(), signature = items[2].get_binary();
    SignedMessage opened{{}, items[3].get_binary()};
    if (key.size() != 33 || key[0] != kEd25519Type) return std::nullopt;
    opened.sender = bytes32_of(ByteView(key).subspan(1));
    return verify(opened.sender, opened.message, signature) ? std::optional(std::move(opened)) : std::nullopt;
}

}  // namespace

PeerChallenge make_challenge(ByteView random_31, const KeyPair& key) {
    check(random_31.size() == kKeyAt, "a challenge has 31 random bytes");
    PeerChallenge challenge{};
    std::ranges::copy(joined({random_31, key.typed_public_key()}), challenge.begin());
    return challenge;
}

Bytes handshake_open(const PeerChallenge& challenge) {
    return message_of({kHandshakeOpen, binary(challenge)});
}

std::optional<PeerChallenge> read_handshake_open(ByteView message) {
    if (message.empty() || message[0] != kHandshakeOpen) return std::nullopt;
    const auto bytes = first_binary(message.subspan(1));
    PeerChallenge challenge{};
    if (!bytes || bytes->size() != challenge.size()) return std::nullopt;
    std::ranges::copy(*bytes, challenge.begin());
    return challenge;
}

Bytes handshake_done(const KeyPair& key, const PeerChallenge& peers_challenge) {
    constexpr int kSupported = 3, kLimit = 0;
    const Bytes answer = message_of({kHandshakeDone, binary(peers_challenge), kSupported, kLimit});
    return message_of(
        {kSignedMessage, binary(key.typed_public_key()), binary(key.sign(answer)), binary(answer)});
}

std::optional<Bytes32> read_handshake_done(ByteView message, const PeerChallenge& our_challenge) {
    const auto opened = open_signed(message);
    if (!opened || opened->message.empty() || opened->message[0] != kHandshakeDone) return std::nullopt;
    const auto answered = first_binary(ByteView(opened->message).subspan(1));
    if (!answered || !std::ranges::equal(*answered, our_challenge)) return std::nullopt;
    return opened->sender;
}

Bytes ask_for_locations(ByteView typed_hash, const std::vector<std::uint8_t>& kinds) {
    return message_of({kHashQuery, binary(typed_hash), kinds});
}

Bytes ask_for_entry(ByteView typed_public_key) {
    return message_of({kRegistryQuery, binary(typed_public_key)});
}

std::optional<StorageLocation> read_storage_location(ByteView record) {
    constexpr std::size_t kPartsAt = 40, kSignedTail = 33 + sizeof(Ed25519Signature);
    if (record.size() < kPartsAt || record[0] != kStorageLocation) return std::nullopt;
    StorageLocation location;
    location.typed_hash.assign(record.begin() + 1, record.begin() + 34);
    location.kind = record[34];
    location.expires_s = static_cast<std::uint32_t>(from_little_endian(record.subspan(35, 4)));
    std::size_t at = kPartsAt;
    for (int part = 0; part < record[kPartsAt - 1]; ++part) {
        if (record.size() < at + 2) return std::nullopt;
        const auto length = static_cast<std::size_t>(from_little_endian(record.subspan(at, 2)));
        at += 2;
        if (record.size() < at + length) return std::nullopt;
        location.parts.emplace_back(text_of(record.subspan(at, length)));
        at += length;
    }
    ++at;  // a byte without a meaning yet
    if (record.size() != at + kSignedTail || record[at] != kEd25519Type) return std::nullopt;
    location.node = bytes32_of(record.subspan(at + 1, 32));
    if (!verify(location.node, record.first(at), record.subspan(at + 33))) return std::nullopt;
    return location;
}

}  // namespace gptoss::provenance::s5
