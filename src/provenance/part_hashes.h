// The hashes that stand for a model: SHA-256 of every part, and the composite registered on chain.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gguf/file_stamp.h"

namespace gptoss::provenance {

struct PartHash {
    std::filesystem::path path;
    std::uint64_t size_bytes = 0;
    std::string sha256;     // 64 lowercase hexadecimal digits
    gguf::FileStamp stamp;  // as the file was before and after it was hashed
};

// Called from several threads with bytes hashed so far and in all; may return false to stop.
using HashProgress = std::function<bool(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

// Hashes the parts in parallel, one thread a part (SHA-256 is sequential within one) and one that reads
// ahead. Throws Error(file_not_found), Error(file_unreadable), Error(hash_mismatch) for a part that changed
// while it was hashed, or Error(cancelled) when `progress` said so.
std::vector<PartHash> hash_parts(std::span<const std::filesystem::path> paths,
                                 const HashProgress& progress = {});

// A single part's own hash; for several, SHA-256 over their lowercase hex digests joined in order without
// separator or newline: the form the ModelRegistry holds (not the hash of the joined files, nor of the raw
// digests).
std::string composite_hash(std::span<const PartHash> parts);

}  // namespace gptoss::provenance
