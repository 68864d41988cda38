#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <fstream>
#include <sstream>

#include "base/error.h"

namespace gptoss::server {

namespace {
constexpr std::size_t kShortestKey = 16;
}

// Digests are compared instead of keys, so that neither length nor a common beginning shows in the time
// taken.
ApiKeys::Digest ApiKeys::digest_of(std::string_view key) {
    Digest digest{};
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
    return digest;
}

ApiKeys ApiKeys::from_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw Error(ErrorCode::file_not_found, "cannot read the API keys in " + path.string());
    ApiKeys keys;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        std::istringstream words(line);
        std::string first, second;
        words >> first >> second;
        if (first.empty() || first.starts_with('#')) continue;
        const std::string& key = second.empty() ? first : second;
        const std::string name = second.empty() ? "key " + std::to_string(number) : first;
        if (key.size() < kShortestKey) {
            throw Error(ErrorCode::setting_invalid,
                        path.string() + ", line " + std::to_string(number) +
                            ": the key is shorter than 16 characters",
                        "Make one with: openssl rand -hex 24");
        }
        keys.keys_.push_back({name, digest_of(key)});
    }
    if (!keys.required()) {
        throw Error(ErrorCode::setting_invalid, path.string() + " holds no API key",
                    "Put one key on each line, or leave the setting out to serve everyone.");
    }
    return keys;
}

std::optional<std::string> ApiKeys::name_of(std::string_view key) const {
    const Digest digest = digest_of(key);
    const Key* found = nullptr;
    for (const Key& known : keys_) {
        if (CRYPTO_memcmp(known.digest.data(), digest.data(), digest.size()) == 0) found = &known;
    }
    return found == nullptr ? std::nullopt : std::optional(found->name);
}

std::string_view bearer_key(std::string_view authorization) {
    constexpr std::string_view kBearer = "Bearer ";
    return authorization.starts_with(kBearer) ? authorization.substr(kBearer.size()) : std::string_view();
}

}  // namespace gptoss::server
