// How far a text has come in a grammar. Several ways of reading may be open at the same time (anyOf), so it
// is a list of places, each with a stack of rules that wait for it. Stacks are shared: one rule that is
// entered from several places is read once (as Earley's parser does it), so ambiguity does not multiply.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"

namespace gptoss::grammar {

struct Frame;
using Stack = std::shared_ptr<const Frame>;  // null: the rule that the text began with

// A hash of all that a stack holds: equal stacks are recognised by it, without a table of them.
struct StackName {
    std::uint64_t low = 0, high = 0;
    bool operator==(const StackName&) const = default;
};

// A rule that is being read, and where reading goes on behind it.
struct Frame {
    struct Return {
        GrammarState state;
        Stack stack;
    };
    std::vector<Return> returns;
    std::uint32_t depth = 1;
    StackName name;
};

StackName name_of(const Stack& stack);
inline std::uint32_t depth_of(const Stack& stack) {
    return stack ? stack->depth : 0;
}

struct Progress {
    struct Place {
        GrammarState state = 0;
        Grammar::Reading at;  // inside the state's terminal
        Stack stack;
        bool operator==(const Place& other) const {
            return state == other.state && at == other.at && name_of(stack) == name_of(other.stack);
        }
    };
    std::vector<Place> places;  // in the order in which they were found, no two equal
    bool complete = false;      // the text may end here

    bool is_dead() const { return places.empty() && !complete; }  // what was read is not in the grammar
    bool operator==(const Progress&) const = default;
    std::size_t hash() const;
};

// At most limits::kLiveStates places are kept, the first ones found: a text that goes on from them is in the
// grammar all the same. The work for one byte is bounded by the same order.
Progress begin(const Grammar& grammar);
Progress step(const Grammar& grammar, const Progress& progress, std::uint8_t byte);
Progress step(const Grammar& grammar, Progress progress, std::string_view bytes);

// Behind a terminal that the caller has read: at `state`, which belongs to the rule on top of `stack`.
Progress resume(const Grammar& grammar, GrammarState state, const Stack& stack);

}  // namespace gptoss::grammar
