// Reads the header of one GGUF part out of its bytes. Pure: no files, no mapping, so it can be fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/file.h"

namespace gptoss::gguf {

struct PartHeader {
    Metadata metadata;
    std::vector<Tensor> tensors;  // data spans point into the bytes that were read
};

// `name` is how errors call the part. Throws Error(file_corrupt) with the byte offset,
// Error(file_unsupported) for another version, byte order or tensor type.
PartHeader read_part(std::span<const std::byte> bytes, const std::string& name, std::uint32_t part);

}  // namespace gptoss::gguf
