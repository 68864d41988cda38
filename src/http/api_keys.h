// Who may use the node: a file of keys, one a line, optionally after a name and before limits of its own:
//   alice sk-… requests-per-minute=60 tokens-per-minute=100000 concurrent-requests=4
// Names, not keys, appear in logs and decide whose turn it is. Several keys may share a name, and then its
// limits: a key is replaced by adding the new one first.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client_limits.h"

namespace gptoss::http {

class ApiKeys {
  public:
    ApiKeys() = default;  // no keys: everyone may

    // Lines that are empty or begin with # are skipped. Throws Error(file_not_found), Error(setting_invalid)
    // for a file without a key, a key of fewer than 16 characters, which could be guessed, and a word that is
    // neither name, key nor limit.
    static ApiKeys from_file(const std::filesystem::path& path);

    bool required() const { return !keys_.empty(); }

    // For a key that is a setting by itself. Throws as from_file.
    static ApiKeys single(const std::string& name, const std::string& key);

    using Digest = std::array<unsigned char, 32>;
    struct Key {
        std::string name;
        std::optional<ClientLimit> limit;  // nothing: the node's usual one
        Digest digest;
    };

    // Null when no key equals the one given. Takes equally long for every wrong key.
    const Key* find(std::string_view key) const;

  private:
    static Digest digest_of(std::string_view key);
    std::vector<Key> keys_;
};

}  // namespace gptoss::http
