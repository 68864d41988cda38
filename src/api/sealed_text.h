// Text that a client keeps for the node and cannot read or change: reasoning that comes back with the next
// turn, signatures of thinking, compacted histories. AES-256-GCM with keys from a file, which the nodes of a
// fleet may share.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::api {

class SealedText {
  public:
    using Key = std::array<std::uint8_t, 32>;

    // The first key seals, all of them open. At least one.
    explicit SealedText(std::vector<Key> keys);

    static Key random_key();

    // base64url of version, key's name, nonce, ciphertext and tag. What was sealed for one `purpose` does not
    // open for another.
    std::string seal(std::string_view text, std::string_view purpose) const;

    // Nothing for what was changed, sealed for another purpose, by a key that is not there, or never here.
    std::optional<std::string> open(std::string_view sealed, std::string_view purpose) const;

  private:
    std::vector<Key> keys_;
};

// A file of keys: 64 hexadecimal digits a line, the newest first; empty lines and lines that begin with #
// are passed over. Makes it, with one random key and mode 0600, where it is missing. Throws
// Error(file_unreadable), Error(setting_invalid) naming the line.
SealedText open_key_file(const std::filesystem::path& path);

// Reads the text of such a file; `name` stands in errors. Throws Error(setting_invalid).
std::vector<SealedText::Key> read_keys(std::string_view text, const std::string& name);

}  // namespace gptoss::api
