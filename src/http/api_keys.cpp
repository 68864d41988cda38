#include "http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/number_text.h"

namespace gptoss::http {

namespace {

constexpr std::size_t kShortestKey = 16;

void require_long_enough(const std::string& key, const std::string& where) {
    if (key.size() >= kShortestKey) return;
    throw Error(ErrorCode::setting_invalid, where + ": the key is shorter than 16 characters",
                "Make one with: openssl rand -hex 24");
}

// "requests-per-minute=60". False for a word that is no limit.
bool read_limit(const std::string& word, const std::string& where, std::optional<ClientLimit>& limit) {
    constexpr std::array kNames{
        std::pair{std::string_view("requests-per-minute="), &ClientLimit::requests_per_minute},
        std::pair{std::string_view("tokens-per-minute="), &ClientLimit::tokens_per_minute},
        std::pair{std::string_view("concurrent-requests="), &ClientLimit::concurrent_requests}};
    for (const auto& [name, field] : kNames) {
        if (!word.starts_with(name)) continue;
        const auto value = number_of<std::int64_t>(std::string_view(word).substr(name.size()));
        if (!value || *value < 0) {
            throw Error(ErrorCode::setting_invalid, where + ": \"" + word + "\" has no whole number",
                        "0 means no limit.");
        }
        if (!limit) limit.emplace();
        (*limit).*field = *value;
        return true;
    }
    return false;
}

// A mistyped limit must not become a name, a key or nothing at all: "tokens-per-minut=9" gives no limit.
// Base64 ends a key with "=", so something other than "=" has to follow.
bool looks_like_a_limit(std::string_view word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == word.size()) return false;
    return word[equals + 1] != '=' && std::all_of(word.begin(), word.begin() + equals, [](char letter) {
               return letter == '-' || letter == '_' || (letter >= 'a' && letter <= 'z') ||
                      (letter >= 'A' && letter <= 'Z');
           });
}

void require_name_and_key(const std::vector<std::string>& words, const std::string& where) {
    for (const std::string& word : words) {
        if (!looks_like_a_limit(word)) continue;
        throw Error(ErrorCode::setting_invalid,
                    where + ": \"" + word.substr(0, word.find('=')) + "\" is no limit",
                    "Limits are requests-per-minute=N, tokens-per-minute=N and concurrent-requests=N.");
    }
    // The word itself is not shown: it may be the key of a name with a space in it.
    if (words.size() > 2) {
        throw Error(ErrorCode::setting_invalid,
                    where + ": " + std::to_string(words.size()) +
                        " words beside the limits, where a name and a key are all there can be",
                    "Write NAME KEY and then limits such as requests-per-minute=60; a name has no spaces, a "
                    "comment begins with #.");
    }
}

}  // namespace

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
        const std::string where = path.string() + ", line " + std::to_string(number);
        std::istringstream stream(line);
        std::vector<std::string> words;
        Key key;
        for (std::string word; stream >> word;) {
            if (word.starts_with('#')) break;
            if (!read_limit(word, where, key.limit)) words.push_back(word);
        }
        if (words.empty()) continue;
        require_name_and_key(words, where);
        const bool named = words.size() == 2;
        const std::string& secret = words.back();
        require_long_enough(secret, where);
        key.name = named ? words.front() : "key " + std::to_string(number);
        key.digest = digest_of(secret);
        keys.keys_.push_back(std::move(key));
    }
    if (!keys.required()) {
        throw Error(ErrorCode::setting_invalid, path.string() + " holds no API key",
                    "Put one key on each line, or leave the setting out to serve everyone.");
    }
    return keys;
}

ApiKeys ApiKeys::single(const std::string& name, const std::string& key) {
    require_long_enough(key, name);
    ApiKeys keys;
    keys.keys_.push_back({name, std::nullopt, digest_of(key)});
    return keys;
}

const ApiKeys::Key* ApiKeys::find(std::string_view key) const {
    const Digest digest = digest_of(key);
    const Key* found = nullptr;
    for (const Key& known : keys_) {
        if (CRYPTO_memcmp(known.digest.data(), digest.data(), digest.size()) == 0) found = &known;
    }
    return found;
}

}  // namespace gptoss::http
