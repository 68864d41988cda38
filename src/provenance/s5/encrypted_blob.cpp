#include "provenance/s5/encrypted_blob.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr std::uint8_t kMutableHead[] = {0x8d, 0x01};
constexpr std::size_t kLengthBytes = 4,
                      kOverhead = sizeof kMutableHead + sizeof(Nonce) + kLengthBytes + kTagBytes;
constexpr std::size_t kMutableBytesMax = std::size_t{1} << 30;
constexpr std::size_t kChunkBytes = 256 << 10;

std::uint64_t padding_block(std::uint64_t bytes) {
    constexpr std::uint64_t kSmallest = 4 << 10, kBlocks = 20;
    std::uint64_t block = kSmallest;
    while (block < std::uint64_t{1} << 58 && bytes > kBlocks * block) block *= 2;
    return block;
}

Nonce nonce_of_chunk(std::uint64_t number) {
    Nonce nonce{};
    std::ranges::copy(little_endian(number, nonce.size()), nonce.begin());
    return nonce;
}

}  // namespace

std::uint64_t padded_size(std::uint64_t bytes) {
    const std::uint64_t block = padding_block(bytes);
    return (bytes + block - 1) / block * block;
}

bool is_padded_size(std::uint64_t bytes) {
    return bytes % padding_block(bytes) == 0;
}

Bytes encrypt_mutable(ByteView data, const Bytes32& key, const Nonce& nonce) {
    check(data.size() <= kMutableBytesMax, "a mutable blob of more than 1 GiB");
    Bytes padded = joined({little_endian(data.size(), kLengthBytes), data});
    padded.resize(padded_size(data.size() + kOverhead) - kOverhead + kLengthBytes);
    return joined({kMutableHead, nonce, seal(key, nonce, padded)});
}

std::optional<Bytes> decrypt_mutable(ByteView blob, const Bytes32& key) {
    if (blob.size() < kOverhead || !is_padded_size(blob.size()) || blob[0] != kMutableHead[0] ||
        blob[1] != kMutableHead[1])
        return std::nullopt;
    Nonce nonce{};
    std::ranges::copy(blob.subspan(sizeof kMutableHead, nonce.size()), nonce.begin());
    auto padded = open_sealed(key, nonce, blob.subspan(sizeof kMutableHead + nonce.size()));
    if (!padded) return std::nullopt;
    const std::uint64_t length = from_little_endian(ByteView(*padded).first(kLengthBytes));
    if (length > padded->size() - kLengthBytes) return std::nullopt;
    padded->erase(padded->begin(), padded->begin() + kLengthBytes);
    padded->resize(length);
    return padded;
}

Bytes encrypt_file(ByteView data, const Bytes32& key) {
    Bytes blob;
    for (std::uint64_t chunk = 0; chunk * kChunkBytes < data.size(); ++chunk) {
        const ByteView plain = data.subspan(chunk * kChunkBytes);
        const Bytes sealed =
            seal(key, nonce_of_chunk(chunk), plain.first(std::min(plain.size(), kChunkBytes)));
        blob.insert(blob.end(), sealed.begin(), sealed.end());
    }
    return blob;
}

std::optional<Bytes> decrypt_file(ByteView blob, const Bytes32& key) {
    constexpr std::size_t kSealedBytes = kChunkBytes + kTagBytes;
    Bytes data;
    for (std::uint64_t chunk = 0; chunk * kSealedBytes < blob.size(); ++chunk) {
        const ByteView sealed = blob.subspan(chunk * kSealedBytes);
        const auto plain =
            open_sealed(key, nonce_of_chunk(chunk), sealed.first(std::min(sealed.size(), kSealedBytes)));
        if (!plain) return std::nullopt;
        data.insert(data.end(), plain->begin(), plain->end());
    }
    return data;
}

}  // namespace gptoss::provenance::s5
