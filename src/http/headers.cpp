#include "http/headers.h"

#include <algorithm>

namespace gptoss::http {

namespace {

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::string_view trimmed_field(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

bool equal_without_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& [field, value] : fields_)
        if (equal_without_case(field, name)) return value;
    return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        fields_, [name](const auto& field) { return equal_without_case(field.first, name); }));
}

bool Headers::lists(std::string_view name, std::string_view item) const {
    return std::ranges::any_of(fields_, [&](const auto& field) {
        return equal_without_case(field.first, name) &&
               std::ranges::any_of(list_items(field.second),
                                   [item](std::string_view each) { return equal_without_case(each, item); });
    });
}

std::vector<std::string_view> list_items(std::string_view value) {
    std::vector<std::string_view> items;
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view item = trimmed_field(value.substr(0, comma));
        if (!item.empty()) items.push_back(item);
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return items;
}

}  // namespace gptoss::http
