// The bytes of all ordinary tokens as one trie, laid flat in the order of a depth-first walk: to find the
// tokens a grammar allows, a walk steps the grammar along and leaps over every branch where it dies.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::grammar {

class VocabularyTrie {
  public:
    struct Node {
        TokenId token = -1;             // the token that is spelled when this byte is reached; -1 = none
        std::uint32_t subtree_end = 0;  // index of the first node that is not below this one
        std::uint16_t depth = 0;        // bytes before this one
        std::uint8_t byte = 0;
    };

    explicit VocabularyTrie(const Tokenizer& tokenizer);

    const std::vector<Node>& nodes() const { return nodes_; }
    std::size_t deepest() const { return deepest_; }  // bytes of the longest token

    // Longer tokens begin with the bytes that lead to `node`.
    bool has_more(const Node& node) const {
        return node.subtree_end > static_cast<std::size_t>(&node - nodes_.data()) + 1;
    }

    // `step(state, byte)` gives the next state or one for which `alive` is false; `visit(node, state)` is
    // called for every node whose bytes keep the state alive. States are kept for each depth of the walk.
    template <class State, class Step, class Alive, class Visit>
    void walk(const State& from, Step step, Alive alive, Visit visit) const {
        walk_range(0, static_cast<std::uint32_t>(nodes_.size()), 0, from, step, alive, visit);
    }

    // The same for what may follow behind `above`, one of nodes().
    template <class State, class Step, class Alive, class Visit>
    void walk_below(const Node& above, const State& from, Step step, Alive alive, Visit visit) const {
        const auto index = static_cast<std::uint32_t>(&above - nodes_.data());
        walk_range(index + 1, above.subtree_end, above.depth + 1U, from, step, alive, visit);
    }

  private:
    template <class State, class Step, class Alive, class Visit>
    void walk_range(std::uint32_t begin, std::uint32_t end, std::size_t depth, const State& from, Step& step,
                    Alive& alive, Visit& visit) const {
        std::vector<State> states(begin < end ? deepest_ - depth + 1 : 1, from);
        for (std::uint32_t i = begin; i < end;) {
            const Node& node = nodes_[i];
            State& state = states[node.depth - depth + 1];
            state = step(states[node.depth - depth], node.byte);
            if (!alive(state)) {
                i = node.subtree_end;
                continue;
            }
            visit(node, state);
            ++i;
        }
    }

    std::vector<Node> nodes_;
    std::size_t deepest_ = 0;
};

}  // namespace gptoss::grammar
