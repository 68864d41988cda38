// Writes GGUF v3, whole or split. For tests, the demo model and synthetic models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "gguf/types.h"

namespace gptoss::gguf {

struct TensorToWrite {
    std::string name;
    TensorType type{};
    std::vector<std::uint64_t> shape;                // shape[0] contiguous
    std::function<void(std::span<std::byte>)> fill;  // called once, with the tensor's bytes to be filled
};

struct WriteOptions {
    std::uint32_t parts = 1;             // more than one writes PREFIX-00001-of-0000N.gguf
    bool tensors_in_first_part = false;  // the published 120b keeps part 1 for metadata alone
};

// Writes `path` (or, when split, parts named after it) under temporary names and renames them when whole.
// Returns the paths written, in order. Throws Error(file_unreadable) or Error(disk_full).
std::vector<std::filesystem::path> write(const std::filesystem::path& path, const Metadata& metadata,
                                         std::span<const TensorToWrite> tensors,
                                         const WriteOptions& options = {});

}  // namespace gptoss::gguf
