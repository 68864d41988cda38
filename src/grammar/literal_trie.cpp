#include "grammar/literal_trie.h"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace gptoss::grammar {

LiteralTrie::LiteralTrie(const std::vector<std::string>& texts, Budget& budget) : text_count_(texts.size()) {
    std::size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size() + 1;
    budget.spend_literal_bytes(bytes);
    budget.spend_steps(bytes);

    std::vector<std::uint32_t> order(texts.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return texts[a] < texts[b]; });

    // Where each node's texts begin in `order`; they end where the subtree's texts do.
    std::vector<std::uint32_t> first_text{0}, last_text{static_cast<std::uint32_t>(order.size())};
    std::vector<Node> path{kRoot};  // the nodes of the text before, the root first
    nodes_.emplace_back();
    std::string_view before;
    const auto close = [&](std::size_t depth, std::uint32_t text) {
        for (; path.size() > depth + 1; path.pop_back()) {
            nodes_[path.back()].subtree_end = static_cast<std::uint32_t>(nodes_.size());
            last_text[path.back()] = text;
        }
    };
    for (std::uint32_t i = 0; i < order.size(); ++i) {
        const std::string_view text = texts[order[i]];
        const auto shared = static_cast<std::size_t>(
            std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
        close(shared, i);
        for (std::size_t depth = shared; depth < text.size(); ++depth) {
            path.push_back(static_cast<Node>(nodes_.size()));
            nodes_.push_back({0, kNone, 0, 0, static_cast<std::uint8_t>(text[depth])});
            first_text.push_back(i);
            last_text.push_back(0);
        }
        if (nodes_[path.back()].text == kNone) nodes_[path.back()].text = order[i];
        before = text;
    }
    close(0, static_cast<std::uint32_t>(order.size()));
    nodes_[kRoot].subtree_end = static_cast<std::uint32_t>(nodes_.size());

    for (Node node = 0; node < nodes_.size(); ++node) {
        NodeData& data = nodes_[node];
        data.numbers_begin = static_cast<std::uint32_t>(numbers_.size());
        numbers_.insert(numbers_.end(), order.begin() + first_text[node], order.begin() + last_text[node]);
        data.numbers_end = static_cast<std::uint32_t>(numbers_.size());
        std::sort(numbers_.begin() + data.numbers_begin, numbers_.end());
    }
}

void LiteralTrie::keep(const std::vector<bool>& kept) {
    for (NodeData& data : nodes_) {
        const auto begin = numbers_.begin() + data.numbers_begin, end = numbers_.begin() + data.numbers_end;
        const auto left = std::remove_if(begin, end, [&](std::uint32_t text) { return !kept[text]; });
        data.numbers_end = static_cast<std::uint32_t>(left - numbers_.begin());
    }
}

LiteralTrie::Node LiteralTrie::next(Node node, std::uint8_t byte) const {
    // Children follow one another; few have more than a handful.
    for (Node child = node + 1; child < nodes_[node].subtree_end; child = nodes_[child].subtree_end)
        if (nodes_[child].byte == byte) return child;
    return kNone;
}

bool LiteralTrie::leads_to(Node node, std::uint32_t first, std::uint32_t last) const {
    const auto begin = numbers_.begin() + nodes_[node].numbers_begin;
    const auto end = numbers_.begin() + nodes_[node].numbers_end;
    const auto found = std::lower_bound(begin, end, first);
    return found != end && *found <= last;
}

bool LiteralTrie::leads_on(Node node, std::uint32_t first, std::uint32_t last) const {
    for (Node child = node + 1; child < nodes_[node].subtree_end; child = nodes_[child].subtree_end)
        if (leads_to(child, first, last)) return true;
    return false;
}

}  // namespace gptoss::grammar
