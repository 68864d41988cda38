#include "provenance/s5/blake3.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gptoss::provenance::s5 {
namespace {

using Words = std::array<std::uint32_t, 8>;
using Block = std::array<std::uint32_t, 16>;

constexpr Words kIv{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
constexpr std::array<std::uint8_t, 16> kPermutation{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
constexpr int kRounds = 7;
// Which word of the block each round takes when: the permutation once more from round to round.
constexpr auto kSchedule = [] {
    std::array<std::array<std::uint8_t, 16>, kRounds> schedule{};
    for (std::uint8_t i = 0; i < 16; ++i) schedule[0][i] = i;
    for (std::size_t round = 1; round < kRounds; ++round)
        for (std::size_t i = 0; i < 16; ++i) schedule[round][i] = schedule[round - 1][kPermutation[i]];
    return schedule;
}();
constexpr std::uint32_t kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8;

// Words 0 to 7 of the compression: the chaining value, or the root's hash.
Words compressed(const Words& chain, const Block& block, std::uint64_t counter, std::uint32_t length,
                 std::uint32_t flags) {
    std::array<std::uint32_t, 16> v{};
    std::copy(chain.begin(), chain.end(), v.begin());
    std::copy(kIv.begin(), kIv.begin() + 4, v.begin() + 8);
    v[12] = static_cast<std::uint32_t>(counter), v[13] = static_cast<std::uint32_t>(counter >> 32);
    v[14] = length, v[15] = flags;
    const auto mix = [&v](std::size_t a, std::size_t b, std::size_t c, std::size_t d, std::uint32_t x,
                          std::uint32_t y) {
        v[a] += v[b] + x, v[d] = std::rotr(v[d] ^ v[a], 16);
        v[c] += v[d], v[b] = std::rotr(v[b] ^ v[c], 12);
        v[a] += v[b] + y, v[d] = std::rotr(v[d] ^ v[a], 8);
        v[c] += v[d], v[b] = std::rotr(v[b] ^ v[c], 7);
    };
    for (const auto& at : kSchedule) {
        mix(0, 4, 8, 12, block[at[0]], block[at[1]]), mix(1, 5, 9, 13, block[at[2]], block[at[3]]);
        mix(2, 6, 10, 14, block[at[4]], block[at[5]]), mix(3, 7, 11, 15, block[at[6]], block[at[7]]);
        mix(0, 5, 10, 15, block[at[8]], block[at[9]]), mix(1, 6, 11, 12, block[at[10]], block[at[11]]);
        mix(2, 7, 8, 13, block[at[12]], block[at[13]]), mix(3, 4, 9, 14, block[at[14]], block[at[15]]);
    }
    Words out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = v[i] ^ v[i + 8];
    return out;
}

Block block_of(const std::array<std::uint8_t, 64>& bytes) {
    static_assert(std::endian::native == std::endian::little, "words are stored as they are");
    Block block{};
    std::memcpy(block.data(), bytes.data(), bytes.size());
    return block;
}

Block block_of(const Words& left, const Words& right) {
    Block block{};
    std::copy(left.begin(), left.end(), block.begin());
    std::copy(right.begin(), right.end(), block.begin() + 8);
    return block;
}

}  // namespace

void Blake3::update(ByteView bytes) {
    while (!bytes.empty()) {
        // The last block of a chunk, and the last chunk, may be the last of all: they wait for one byte more.
        if (block_bytes_ == kBlockBytes) {
            if (blocks_done_ == 0) chain_ = kIv;
            if (blocks_done_ + 1 == kBlocksOfChunk) {
                finish_chunk();
            } else {
                chain_ = compressed(chain_, block_of(block_), chunks_done_, kBlockBytes,
                                    blocks_done_ == 0 ? kChunkStart : 0);
                ++blocks_done_;
            }
            block_.fill(0);
            block_bytes_ = 0;
        }
        const std::size_t taken = std::min(bytes.size(), kBlockBytes - block_bytes_);
        std::memcpy(block_.data() + block_bytes_, bytes.data(), taken);
        block_bytes_ += taken;
        bytes = bytes.subspan(taken);
    }
}

// The chunk's block is full and more follows: its value joins the subtrees of equal size.
void Blake3::finish_chunk() {
    Words value = compressed(chain_, block_of(block_), chunks_done_, kBlockBytes, kChunkEnd);
    ++chunks_done_;
    for (std::uint64_t whole = chunks_done_; whole % 2 == 0; whole /= 2)
        value = compressed(kIv, block_of(stack_[--stacked_], value), 0, kBlockBytes, kParent);
    stack_[stacked_++] = value;
    blocks_done_ = 0;
}

Bytes32 Blake3::finish() const {
    Words chain = blocks_done_ == 0 ? kIv : chain_;
    Block block = block_of(block_);
    std::uint64_t counter = chunks_done_;
    auto length = static_cast<std::uint32_t>(block_bytes_);
    std::uint32_t flags = kChunkEnd | (blocks_done_ == 0 ? kChunkStart : 0);
    for (std::size_t left = stacked_; left > 0; --left) {
        block = block_of(stack_[left - 1], compressed(chain, block, counter, length, flags));
        chain = kIv, counter = 0, length = kBlockBytes, flags = kParent;
    }
    const Words root = compressed(chain, block, 0, length, flags | kRoot);
    Bytes32 hash{};
    // A lone chunk is its own root, and the root's counter is zero: as chunk 0's is.
    std::memcpy(hash.data(), root.data(), hash.size());
    return hash;
}

Bytes32 blake3(ByteView bytes) {
    Blake3 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace gptoss::provenance::s5
