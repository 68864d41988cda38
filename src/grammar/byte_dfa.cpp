#include "grammar/byte_dfa.h"

#include <algorithm>
#include <string_view>

namespace gptoss::grammar {

std::optional<ByteDfa> ByteDfa::of_literals(const std::vector<std::string>& texts) {
    // A key is the range of sorted texts that begin with what was read, and how much that was.
    std::vector<std::string> sorted = texts;
    std::sort(sorted.begin(), sorted.end());
    struct Range {
        std::size_t begin, end, length;
        auto operator<=>(const Range&) const = default;
    };
    const auto byte_at = [&](std::size_t text, std::size_t at) {
        return at < sorted[text].size() ? static_cast<int>(static_cast<unsigned char>(sorted[text][at])) : -1;
    };
    return build(
        Range{0, sorted.size(), 0},
        [&](Range range, std::uint8_t byte) -> std::optional<Range> {
            while (range.begin < range.end && byte_at(range.begin, range.length) < byte) ++range.begin;
            while (range.begin < range.end && byte_at(range.end - 1, range.length) > byte) --range.end;
            if (range.begin == range.end) return std::nullopt;
            ++range.length;
            return range;
        },
        [&](const Range& range) {
            return range.begin < range.end && sorted[range.begin].size() == range.length;
        });
}

void ByteDfa::trim() {
    const std::size_t count = table_.size();
    std::vector<std::vector<State>> before(count);
    for (std::size_t from = 0; from < count; ++from)
        for (const State to : table_[from])
            if (to != kDead) before[to].push_back(static_cast<State>(from));
    std::vector<bool> live = accepting_;
    std::vector<State> open;
    for (std::size_t i = 0; i < count; ++i)
        if (live[i]) open.push_back(static_cast<State>(i));
    while (!open.empty()) {
        const State state = open.back();
        open.pop_back();
        for (const State from : before[state]) {
            if (live[from]) continue;
            live[from] = true;
            open.push_back(from);
        }
    }
    goes_on_.assign(count, false);
    for (std::size_t from = 0; from < count; ++from)
        for (State& to : table_[from]) {
            if (to != kDead && !live[to]) to = kDead;
            if (to != kDead) goes_on_[from] = true;
        }
    if (!live[start_]) start_ = kDead;
}

}  // namespace gptoss::grammar
