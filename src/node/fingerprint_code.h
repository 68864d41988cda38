// Fingerprints as bytes: for each, place (4 bytes), number of values (1 byte), and for each value its index (2
// bytes) and its float32 (4 bytes), all big-endian. Their keccak256 stands in the receipt.
#pragma once

#include <span>
#include <vector>

#include "engine/fingerprint.h"
#include "provenance/chain/bytes.h"

namespace gptoss::node {

provenance::chain::Bytes fingerprint_bytes(std::span<const engine::Fingerprint> fingerprints);

// Throws Error(file_corrupt) for bytes that are cut short, and for places that do not ascend.
std::vector<engine::Fingerprint> read_fingerprints(std::span<const std::uint8_t> bytes);

}  // namespace gptoss::node
