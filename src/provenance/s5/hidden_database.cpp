#include "provenance/s5/hidden_database.h"

#include "base/error.h"
#include "provenance/s5/encrypted_blob.h"

namespace gptoss::provenance::s5 {

std::optional<HiddenEntry> read_hidden(const Identity& identity, Network& network, std::string_view path) {
    const HiddenEntryKeys keys = hidden_entry_keys(identity, path);
    const auto entry = network.find_entry(KeyPair(keys.write).public_key());
    if (!entry) return std::nullopt;
    constexpr std::size_t kTypedHash = 33;
    HiddenEntry hidden{std::nullopt, entry->revision};
    if (entry->data.size() < kTypedHash) return hidden;
    const auto blob = network.download(bytes32_of(ByteView(entry->data).subspan(1)));
    if (!blob) return hidden;
    hidden.data = decrypt_mutable(*blob, keys.encryption);
    if (!hidden.data)
        throw Error(ErrorCode::file_corrupt,
                    "\"" + std::string(path) + "\" of the S5 identity is not encrypted with its key",
                    "Is S5_SEED_PHRASE the one that it was written with?", {{"path", std::string(path)}});
    return hidden;
}

bool write_hidden(const Identity& identity, Network& network, std::string_view path, ByteView data,
                  std::uint64_t revision) {
    const HiddenEntryKeys keys = hidden_entry_keys(identity, path);
    const Bytes blob = encrypt_mutable(data, keys.encryption, random_nonce());
    network.upload(blob);
    return network.set_entry(sign_entry(KeyPair(keys.write), identify_blob(blob).typed_hash(), revision));
}

}  // namespace gptoss::provenance::s5
