// Who may use the node: a file of keys, one a line, optionally after a name ("alice sk-…"). Names, not keys,
// appear in logs and decide whose turn it is.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::server {

class ApiKeys {
  public:
    ApiKeys() = default;  // no keys: everyone may

    // Lines that are empty or begin with # are skipped. Throws Error(file_not_found), Error(setting_invalid)
    // for a file without a key or a key of fewer than 16 characters, which could be guessed.
    static ApiKeys from_file(const std::filesystem::path& path);

    bool required() const { return !keys_.empty(); }

    // The key's name; nothing when no key equals the one given. Takes equally long for every wrong key.
    std::optional<std::string> name_of(std::string_view key) const;

  private:
    using Digest = std::array<unsigned char, 32>;
    struct Key {
        std::string name;
        Digest digest;
    };
    static Digest digest_of(std::string_view key);
    std::vector<Key> keys_;
};

// The key of "Bearer KEY"; empty when the header is of another kind.
std::string_view bearer_key(std::string_view authorization);

}  // namespace gptoss::server
