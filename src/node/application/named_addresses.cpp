#include "node/application/named_addresses.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"

namespace gptoss::node {

namespace {

constexpr std::size_t kLongestName = 64;
constexpr const char* kForm = "A line is NAME URL, or NAME URL Header: value.";

bool is_name(const std::string& text) {
    return !text.empty() && text.size() <= kLongestName &&
           std::ranges::all_of(text, [](unsigned char letter) {
               return (std::isalnum(letter) != 0 && letter < 0x80) || letter == '-' || letter == '_' ||
                      letter == '.';
           });
}

bool is_url(const std::string& text) {
    const bool begins = text.starts_with("http://") || text.starts_with("https://");
    return begins && text.size() > text.find("//") + 2 &&
           std::ranges::all_of(text, [](unsigned char letter) { return letter > ' ' && letter < 0x7f; });
}

bool is_header(const std::string& text) {
    const std::size_t colon = text.find(':');
    return colon != std::string::npos && is_name(text.substr(0, colon)) &&
           std::ranges::all_of(text, [](unsigned char letter) { return letter >= ' ' && letter != 0x7f; });
}

std::string rest_of(std::istringstream& stream) {
    std::string rest;
    std::getline(stream >> std::ws, rest);
    while (!rest.empty() && (rest.back() == '\r' || rest.back() == ' ' || rest.back() == '\t'))
        rest.pop_back();
    return rest;
}

}  // namespace

std::vector<NamedAddress> read_named_addresses(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw Error(ErrorCode::file_not_found, "cannot read the addresses in " + path.string());
    std::vector<NamedAddress> found;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        const std::string where = path.string() + ", line " + std::to_string(number);
        std::istringstream stream(line);
        NamedAddress address;
        if (!(stream >> address.name) || address.name.starts_with('#')) continue;
        stream >> address.url;
        address.header = rest_of(stream);
        if (address.header.starts_with('#')) address.header.clear();
        const auto refuse = [&where](const std::string& what) {
            throw Error(ErrorCode::setting_invalid, where + ": " + what, kForm);
        };
        if (!is_name(address.name)) refuse("a name has at most 64 letters, digits, dashes and dots");
        if (!is_url(address.url)) refuse("the URL must begin with http:// or https://");
        if (!address.header.empty() && !is_header(address.header))
            refuse("what follows the URL is no header");
        if (std::ranges::any_of(found, [&](const auto& other) { return other.name == address.name; }))
            refuse("the name " + address.name + " is given twice");
        if (found.size() == kMostNamedAddresses) refuse("more than 64 addresses");
        found.push_back(std::move(address));
    }
    return found;
}

}  // namespace gptoss::node
