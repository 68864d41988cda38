#include "provenance/s5/identity.h"

#include <algorithm>

#include "base/check.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/key_pair.h"
#include "provenance/s5/multibase.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr std::uint64_t kMain = 0, kPublic = 1, kPrivate = 64, kRotation = 0;
constexpr SeedPurpose kPurposes[] = {SeedPurpose::signing,
                                     SeedPurpose::encryption,
                                     SeedPurpose::resolver_links,
                                     SeedPurpose::public_reserved_1,
                                     SeedPurpose::public_reserved_2,
                                     SeedPurpose::storage_accounts,
                                     SeedPurpose::hidden_database,
                                     SeedPurpose::file_system,
                                     SeedPurpose::private_reserved_1,
                                     SeedPurpose::private_reserved_2,
                                     SeedPurpose::extensions};

bool is_public(SeedPurpose purpose) {
    return static_cast<std::uint64_t>(purpose) < kPrivate;
}

// Blanks around a path's segments do not count.
std::string_view trimmed(std::string_view segment) {
    constexpr std::string_view kBlank = " \t\r\n\v\f";
    const std::size_t first = segment.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return segment.substr(first, segment.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Bytes32 derive(const Bytes32& base, std::uint64_t number) {
    return blake3(joined({base, little_endian(number, 32)}));
}

Bytes32 derive(const Bytes32& base, std::string_view text) {
    return blake3(joined({base, blake3(bytes_of(text))}));
}

Identity::Identity(const Entropy& entropy) {
    const Bytes32 main = derive(blake3(entropy), kMain);
    const Bytes32 public_seed = derive(derive(main, kPublic), kRotation);
    const Bytes32 private_seed = derive(derive(main, kPrivate), kRotation);
    for (std::size_t i = 0; i < seeds_.size(); ++i)
        seeds_[i] = {kPurposes[i], derive(is_public(kPurposes[i]) ? public_seed : private_seed,
                                          static_cast<std::uint64_t>(kPurposes[i]))};
}

Identity::~Identity() {
    for (Seed& seed : seeds_) wipe(seed.bytes);
}

const Bytes32& Identity::seed(SeedPurpose purpose) const {
    const auto found = std::ranges::find(seeds_, purpose, &Seed::purpose);
    check(found != seeds_.end(), "a SeedPurpose outside its enum");
    return found->bytes;
}

Bytes Identity::packed() const {
    constexpr std::uint8_t kMap = 0x80, kUint8 = 0xcc, kLargestFixedInteger = 127, kBin8 = 0xc4;
    Bytes packed{static_cast<std::uint8_t>(kMap | seeds_.size())};
    for (const Seed& seed : seeds_) {
        const auto purpose = static_cast<std::uint8_t>(seed.purpose);
        // s5.js packs integers from 64 on in two bytes, though one would do.
        if (purpose >= 64 && purpose <= kLargestFixedInteger) packed.push_back(kUint8);
        packed.push_back(purpose);
        packed.push_back(kBin8);
        packed.push_back(static_cast<std::uint8_t>(seed.bytes.size()));
        packed.insert(packed.end(), seed.bytes.begin(), seed.bytes.end());
    }
    return packed;
}

Bytes32 root_write_key(const Identity& identity) {
    return derive(identity.seed(SeedPurpose::file_system), 1);
}

Bytes32 child_write_key(const Bytes32& parent_write_key, std::string_view name) {
    return derive(parent_write_key, name);
}

Bytes32 root_encryption_key(const Bytes32& root_write_key) {
    return derive(root_write_key, 1);
}

std::string root_write_uri(const Bytes32& root_write_key) {
    constexpr std::uint8_t kDirectory = 0x5d, kEncryptedMutable = 0x5e, kXChaCha20Poly1305 = 0xa6;
    constexpr std::uint8_t kHead[] = {kDirectory, kEncryptedMutable, kXChaCha20Poly1305};
    constexpr std::uint8_t kNoType[] = {0};
    const Bytes directory =
        joined({kHead, root_encryption_key(root_write_key), KeyPair(root_write_key).typed_public_key()});
    return "fs5://write:u" + to_base64url(joined({kNoType, root_write_key})) + "@" +
           to_multibase(directory, Base::base32);
}

HiddenEntryKeys hidden_entry_keys(const Identity& identity, std::string_view path) {
    constexpr std::uint64_t kPath = 1, kWrite = 2, kEncryption = 3;
    Bytes32 key = identity.seed(SeedPurpose::hidden_database);
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (const std::string_view segment = trimmed(path.substr(0, end)); !segment.empty())
            key = derive(key, segment);
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    const Bytes32 path_key = derive(key, kPath);
    return {path_key, derive(path_key, kWrite), derive(path_key, kEncryption)};
}

}  // namespace gptoss::provenance::s5
