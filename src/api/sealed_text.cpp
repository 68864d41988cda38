#include "api/sealed_text.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>

#include "base/error.h"
#include "provenance/sha256.h"

namespace gptoss::api {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kKeyName_bytes = 4;
constexpr std::size_t kNonce_bytes = 12;  // what GCM is made for
constexpr std::size_t kTag_bytes = 16;
constexpr std::size_t kHead_bytes = 1 + kKeyName_bytes + kNonce_bytes;

using Bytes = std::vector<std::uint8_t>;

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

[[noreturn]] void fail() {
    throw Error(ErrorCode::device_failed, "OpenSSL cannot encrypt here.");
}

// A key is named by the beginning of its hash, so that the right one is found at once.
std::span<const std::uint8_t> append_name(const SealedText::Key& key, Bytes& out) {
    const provenance::Sha256Digest digest = provenance::sha256(std::as_bytes(std::span(key)));
    out.insert(out.end(), digest.begin(), digest.begin() + kKeyName_bytes);
    return std::span(out).last(kKeyName_bytes);
}

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64url(std::span<const std::uint8_t> bytes) {
    std::string text;
    text.reserve(bytes.size() * 4 / 3 + 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const std::uint8_t byte : bytes) {
        bits = bits << 8 | byte;
        count += 8;
        for (; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
    }
    if (count > 0) text += kDigits[bits << (6 - count) & 63];
    return text;
}

std::optional<Bytes> from_base64url(std::string_view text) {
    Bytes bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes.push_back(static_cast<std::uint8_t>(bits >> count & 255));
        }
    }
    return bytes;
}

const std::uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

SealedText::SealedText(std::vector<Key> keys) : keys_(std::move(keys)) {}

SealedText::Key SealedText::random_key() {
    Key key;
    if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) fail();
    return key;
}

std::string SealedText::seal(std::string_view text, std::string_view purpose) const {
    Bytes out{kVersion};
    append_name(keys_.front(), out);
    out.resize(kHead_bytes + text.size() + kTag_bytes);
    std::uint8_t* const nonce = out.data() + 1 + kKeyName_bytes;
    std::uint8_t* const ciphertext = out.data() + kHead_bytes;
    const Context context(EVP_CIPHER_CTX_new());
    int size = 0;
    if (context == nullptr || RAND_bytes(nonce, kNonce_bytes) != 1 ||
        EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys_.front().data(), nonce) != 1 ||
        EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(purpose),
                          static_cast<int>(purpose.size())) != 1 ||
        EVP_EncryptUpdate(context.get(), ciphertext, &size, bytes_of(text), static_cast<int>(text.size())) !=
            1 ||
        EVP_EncryptFinal_ex(context.get(), ciphertext + size, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag_bytes, ciphertext + text.size()) != 1) {
        fail();
    }
    return to_base64url(out);
}

std::optional<std::string> SealedText::open(std::string_view sealed, std::string_view purpose) const {
    std::optional<Bytes> bytes = from_base64url(sealed);
    if (!bytes || bytes->size() < kHead_bytes + kTag_bytes || bytes->front() != kVersion) return std::nullopt;
    const auto name = std::span(*bytes).subspan(1, kKeyName_bytes);
    const std::uint8_t* const nonce = bytes->data() + 1 + kKeyName_bytes;
    const std::uint8_t* const ciphertext = bytes->data() + kHead_bytes;
    const std::size_t size_bytes = bytes->size() - kHead_bytes - kTag_bytes;
    for (const Key& key : keys_) {
        Bytes own_name;
        if (!std::ranges::equal(append_name(key, own_name), name)) continue;
        const Context context(EVP_CIPHER_CTX_new());
        std::string text(size_bytes, '\0');
        auto* const plain = reinterpret_cast<std::uint8_t*>(text.data());
        int size = 0;
        const bool fits =
            context != nullptr &&
            EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce) == 1 &&
            EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(purpose),
                              static_cast<int>(purpose.size())) == 1 &&
            EVP_DecryptUpdate(context.get(), plain, &size, ciphertext, static_cast<int>(size_bytes)) == 1 &&
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag_bytes,
                                bytes->data() + kHead_bytes + size_bytes) == 1 &&
            EVP_DecryptFinal_ex(context.get(), plain + size, &size) == 1;
        if (fits) return text;
    }
    return std::nullopt;
}

std::vector<SealedText::Key> read_keys(std::string_view text, const std::string& name) {
    std::vector<SealedText::Key> keys;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        const std::string digits = provenance::normalise_hash(line);
        if (digits.empty()) {
            throw Error(ErrorCode::setting_invalid,
                        name + ", line " + std::to_string(number) + ", is no key of 64 hexadecimal digits.",
                        "Make one with: openssl rand -hex 32");
        }
        SealedText::Key key;
        for (std::size_t i = 0; i < key.size(); ++i)
            key[i] = static_cast<std::uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
        keys.push_back(key);
    }
    return keys;
}

SealedText open_key_file(const std::filesystem::path& path) {
    const auto refuse = [&](const std::string& why) {
        throw Error(
            ErrorCode::file_unreadable, path.string() + ": " + why,
            "GPTOSS_SEAL_KEYS_FILE must name a file that this node may read, in a folder that exists.",
            {{"setting", "GPTOSS_SEAL_KEYS_FILE"}});
    };
    // O_EXCL: of two nodes that start at once with one folder, one makes the file and both read it.
    const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        const std::string line = provenance::to_hex(SealedText::random_key()) + "\n";
        const bool written = ::write(made, line.data(), line.size()) == static_cast<ssize_t>(line.size());
        ::fsync(made);
        ::close(made);
        if (!written) refuse("cannot be written");
    } else if (errno != EEXIST) {
        refuse(std::generic_category().message(errno));
    }
    std::ifstream file(path);
    if (!file) refuse("cannot be read");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::vector<SealedText::Key> keys = read_keys(text, path.string());
    if (keys.empty()) refuse("holds no key");
    return SealedText(std::move(keys));
}

}  // namespace gptoss::api
