// BLAKE3 (github.com/BLAKE3-team/BLAKE3-specs), the plain hash of 32 bytes. Of what this room hashes, keys and
// checkpoints are small; a file of gigabytes goes through update() piece by piece.
#pragma once

#include <array>
#include <cstdint>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

class Blake3 {
  public:
    void update(ByteView bytes);
    Bytes32 finish() const;  // of all that was given until now; more may follow

  private:
    using Words = std::array<std::uint32_t, 8>;
    void finish_chunk();

    static constexpr std::size_t kBlockBytes = 64, kBlocksOfChunk = 16;
    Words chain_{};  // within the chunk; set when a chunk begins
    std::array<std::uint8_t, kBlockBytes> block_{};
    std::size_t block_bytes_ = 0, blocks_done_ = 0;
    std::uint64_t chunks_done_ = 0;
    std::array<Words, 54> stack_{};  // of whole subtrees, the largest first: 2^54 chunks are 2^64 bytes
    std::size_t stacked_ = 0;
};

Bytes32 blake3(ByteView bytes);

}  // namespace gptoss::provenance::s5
