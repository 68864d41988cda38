// The names of split models: PREFIX-00001-of-00003.gguf, numbered from 1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace gptoss::gguf {

struct SplitName {
    std::filesystem::path prefix;  // folder and name without "-00001-of-00003.gguf"
    std::uint32_t number = 0;      // from 1
    std::uint32_t count = 0;

    std::filesystem::path part(std::uint32_t part_number) const;
};

// Nothing when the name does not have that form.
std::optional<SplitName> parse_split_name(const std::filesystem::path& path);

}  // namespace gptoss::gguf
