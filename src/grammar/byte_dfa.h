// A deterministic automaton over bytes, for the parts of a text that have no structure inside: numbers,
// literals, patterned strings, white space. Every state can reach an accepting one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "grammar/budget.h"

namespace gptoss::grammar {

class ByteDfa {
  public:
    using State = std::uint16_t;
    static constexpr State kDead = 0xFFFF;
    static constexpr std::size_t kMostStates = limits::kPatternStates;
    static_assert(kMostStates < kDead);

    // As it is built: one row of 256 a state; the first state is where reading starts.
    struct Rows {
        std::vector<std::array<State, 256>> next;
        std::vector<bool> accepting;
        State add(bool accepts);  // a state without ways on; throws BudgetExceeded beyond kMostStates
    };
    explicit ByteDfa(Rows rows);

    State start() const { return start_; }  // kDead: nothing is accepted
    State next(State state, std::uint8_t byte) const { return table_[state * classes_ + class_of_[byte]]; }
    bool accepts(State state) const { return accepting_[state]; }
    bool can_continue(State state) const { return can_continue_[state]; }  // some byte may follow
    std::size_t size() const { return accepting_.size(); }

    // From any deterministic description: `next(key, byte)` gives a key or nothing, for the bytes of
    // `alphabet`. Throws BudgetExceeded.
    template <class Key, class Next, class Accepts>
    static ByteDfa build(std::string_view alphabet, const Key& first, Next next, Accepts accepts,
                         Budget& budget) {
        Rows rows;
        std::map<Key, State> known;
        std::vector<Key> keys;
        const auto number = [&](const Key& key) {
            const auto [entry, added] = known.try_emplace(key, static_cast<State>(keys.size()));
            if (added) {
                budget.spend_dfa_states(1);
                budget.spend_steps(alphabet.size());
                keys.push_back(key);
                rows.add(accepts(key));
            }
            return entry->second;
        };
        number(first);
        for (std::size_t i = 0; i < keys.size(); ++i)
            for (const char c : alphabet) {
                const auto byte = static_cast<std::uint8_t>(c);
                const std::optional<Key> to = next(Key(keys[i]), byte);
                if (!to) continue;
                const State target = number(*to);
                rows.next[i][byte] = target;
            }
        return ByteDfa(std::move(rows));
    }

  private:
    void trim(Rows& rows);            // no way leads to where nothing can be accepted any more
    void compress(const Rows& rows);  // bytes that no state tells apart share a column

    State start_ = kDead;
    std::array<std::uint8_t, 256> class_of_{};
    std::size_t classes_ = 0;
    std::vector<State> table_;
    std::vector<bool> accepting_;
    std::vector<bool> can_continue_;
};

}  // namespace gptoss::grammar
