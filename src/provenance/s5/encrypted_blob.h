// Blobs that only the holder of a key can read: mutable ones (the root directory, the hidden database), padded so
// that their size says little, and files in chunks.
#pragma once

#include <optional>

#include "provenance/s5/byte_view.h"
#include "provenance/s5/sealing.h"

namespace gptoss::provenance::s5 {

// A multiple of 4 KiB up to 80 KiB; beyond, blocks twice as large up to twice that size, and so on.
std::uint64_t padded_size(std::uint64_t bytes);
bool is_padded_size(std::uint64_t bytes);

// 8d ‖ 01 ‖ nonce ‖ sealed(length (4, little endian) ‖ data ‖ zeros). A nonce is used once for a key. At most
// 1 GiB of data.
Bytes encrypt_mutable(ByteView data, const Bytes32& key, const Nonce& nonce);

// Nothing for bytes of another form, of no padded size, of another key, or altered.
std::optional<Bytes> decrypt_mutable(ByteView blob, const Bytes32& key);

// Chunks of 256 KiB, each sealed with its number as the nonce: a key is for one file alone.
Bytes encrypt_file(ByteView data, const Bytes32& key);
std::optional<Bytes> decrypt_file(ByteView blob, const Bytes32& key);

}  // namespace gptoss::provenance::s5
