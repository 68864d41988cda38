// Other servers that an administrator lets this node talk to: a file of lines "NAME URL", or "NAME URL Header: value"
// where the server asks for a key. "#" begins a comment.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gptoss::node {

struct NamedAddress {
    std::string name;    // letters, digits, "-", "_", "."; unique in the file
    std::string url;     // http:// or https://
    std::string header;  // "Authorization: Bearer …"; empty = none. Secret
};

inline constexpr std::size_t kMostNamedAddresses = 64;

// Throws Error(file_not_found), Error(setting_invalid) with the line; never with its header.
std::vector<NamedAddress> read_named_addresses(const std::filesystem::path& path);

}  // namespace gptoss::node
