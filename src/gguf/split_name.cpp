#include "gguf/split_name.h"

#include <cstdio>
#include <string>

namespace gptoss::gguf {

std::filesystem::path SplitName::part(std::uint32_t part_number) const {
    char suffix[32];
    std::snprintf(suffix, sizeof suffix, "-%05u-of-%05u.gguf", part_number, count);
    return prefix.string() + suffix;
}

std::optional<SplitName> parse_split_name(const std::filesystem::path& path) {
    constexpr std::size_t kSuffixLength = sizeof("-00001-of-00003.gguf") - 1;
    const std::string name = path.string();
    if (name.size() <= kSuffixLength) return std::nullopt;
    const std::string suffix = name.substr(name.size() - kSuffixLength);
    const auto digits = [&](std::size_t at) -> std::optional<std::uint32_t> {
        std::uint32_t number = 0;
        for (std::size_t i = at; i < at + 5; ++i) {
            if (suffix[i] < '0' || suffix[i] > '9') return std::nullopt;
            number = number * 10 + static_cast<std::uint32_t>(suffix[i] - '0');
        }
        return number;
    };
    if (suffix[0] != '-' || suffix.compare(6, 4, "-of-") != 0 || suffix.compare(15, 5, ".gguf") != 0)
        return std::nullopt;
    const auto number = digits(1), count = digits(10);
    if (!number || !count || *number == 0 || *number > *count) return std::nullopt;
    return SplitName{name.substr(0, name.size() - kSuffixLength), *number, *count};
}

}  // namespace gptoss::gguf
