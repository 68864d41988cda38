// An S5 identity: the seeds that follow from a seed phrase, and the keys that follow from them. All by hashing:
//   derive(base, number) = BLAKE3(base ‖ number, little endian, 32 bytes)
//   derive(base, text)   = BLAKE3(base ‖ BLAKE3(text))
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/seed_phrase.h"

namespace gptoss::provenance::s5 {

Bytes32 derive(const Bytes32& base, std::uint64_t number);
Bytes32 derive(const Bytes32& base, std::string_view text);

// What a seed is for: the number it is derived with.
enum class SeedPurpose : std::uint8_t {
    signing = 2,
    encryption = 3,
    resolver_links = 4,
    public_reserved_1 = 5,
    public_reserved_2 = 6,
    storage_accounts = 65,
    hidden_database = 66,
    file_system = 67,
    private_reserved_1 = 68,
    private_reserved_2 = 69,
    extensions = 127,
};

class Identity {
  public:
    explicit Identity(const Entropy& entropy);
    ~Identity();  // wipes the seeds
    Identity(const Identity&) = delete;
    Identity& operator=(const Identity&) = delete;

    const Bytes32& seed(SeedPurpose purpose) const;

    // MessagePack map of purpose -> seed, as s5.js stores an identity. Secret.
    Bytes packed() const;

  private:
    struct Seed {
        SeedPurpose purpose{};
        Bytes32 bytes{};
    };
    std::array<Seed, 11> seeds_;
};

// Of a directory: whoever has the write key can write it and all below it.
Bytes32 root_write_key(const Identity& identity);
Bytes32 child_write_key(const Bytes32& parent_write_key, std::string_view name);
// Of the root alone: directories below it are not encrypted.
Bytes32 root_encryption_key(const Bytes32& root_write_key);
// fs5://write:…@…: gives write access to everything. Secret.
std::string root_write_uri(const Bytes32& root_write_key);

// Of an entry of the hidden database ("accounts.json"; slashes make a path). Seeds of keys.
struct HiddenEntryKeys {
    Bytes32 path{}, write{}, encryption{};
};
HiddenEntryKeys hidden_entry_keys(const Identity& identity, std::string_view path);

}  // namespace gptoss::provenance::s5
