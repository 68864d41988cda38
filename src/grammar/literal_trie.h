// A list of texts as a trie over bytes: the values of an enum, the names of an object's properties. Takes
// memory and time in proportion to the texts' bytes, however much they have in common.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "grammar/budget.h"

namespace gptoss::grammar {

class LiteralTrie {
  public:
    using Node = std::uint32_t;
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
    static constexpr Node kRoot = 0;

    // Equal texts count as the first of them.
    LiteralTrie(const std::vector<std::string>& texts, Budget& budget);

    std::size_t size() const { return text_count_; }  // texts, numbered as they were given

    // Forgets the texts that are not kept; the others have the numbers that they had.
    void keep(const std::vector<bool>& kept);

    // The node behind `byte`, or kNone.
    Node next(Node node, std::uint8_t byte) const;

    // The text that ends here, or kNone.
    std::uint32_t text_at(Node node) const { return nodes_[node].text; }

    // Some text with a number from `first` to `last` begins with what leads to `node` (or is that).
    bool leads_to(Node node, std::uint32_t first, std::uint32_t last) const;

    // The same for texts that are longer than what leads to `node`.
    bool leads_on(Node node, std::uint32_t first, std::uint32_t last) const;

  private:
    struct NodeData {
        std::uint32_t subtree_end = 0;  // nodes lie in the order of a depth-first walk
        std::uint32_t text = kNone;
        std::uint32_t numbers_begin = 0, numbers_end = 0;  // of the texts below: a sorted part of numbers_
        std::uint8_t byte = 0;
    };

    std::size_t text_count_;
    std::vector<NodeData> nodes_;
    std::vector<std::uint32_t> numbers_;
};

}  // namespace gptoss::grammar
