// The bytes of all ordinary tokens as one trie, laid flat in the order of a depth-first walk: to find the
// tokens a grammar allows, a walk steps the grammar along and leaps over every branch where it dies.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::harmony {

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

    // `step(state, byte)` gives the next state or one for which `alive` is false; `found(token, state)` is
    // called for every token whose bytes keep the state alive. States are kept for each depth of the walk.
    template <class State, class Step, class Alive, class Found>
    void walk(const State& from, Step step, Alive alive, Found found) const {
        std::vector<State> states(deepest_ + 1, from);
        for (std::uint32_t i = 0; i < nodes_.size();) {
            const Node& node = nodes_[i];
            states[node.depth + 1] = step(states[node.depth], node.byte);
            if (!alive(states[node.depth + 1])) {
                i = node.subtree_end;
                continue;
            }
            if (node.token >= 0) found(node.token, states[node.depth + 1]);
            ++i;
        }
    }

  private:
    std::vector<Node> nodes_;
    std::size_t deepest_ = 0;
};

}  // namespace gptoss::harmony
