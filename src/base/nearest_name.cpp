#include "base/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace gptoss {
namespace {

// Levenshtein's distance, one row of its table at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> names) {
    // A name has no more letters than a line: what is longer is no typing error, and costs nothing to refuse.
    constexpr std::size_t kLongestWord = 80;
    if (word.empty() || word.size() > kLongestWord) return std::nullopt;
    const std::string* nearest = nullptr;
    const std::string* beginning = nullptr;
    std::size_t nearest_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    int beginnings = 0;
    for (const std::string& name : names) {
        if (name.starts_with(word)) beginning = &name, ++beginnings;
        const std::size_t distance = edit_distance(word, name);
        if (distance < nearest_distance && distance < name.size()) {
            nearest = &name;
            nearest_distance = distance;
        }
    }
    if (beginnings == 1) return *beginning;
    return nearest != nullptr ? std::optional(*nearest) : std::nullopt;
}

}  // namespace gptoss
