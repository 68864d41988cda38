// A deterministic automaton over bytes, for the parts of JSON that have no structure inside: numbers,
// literals, patterned strings, white space. Every state can reach an accepting one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gptoss::grammar {

class ByteDfa {
  public:
    using State = std::uint16_t;
    static constexpr State kDead = 0xFFFF;
    static constexpr std::size_t kMostStates = 20000;

    State start() const { return start_; }  // kDead: nothing is accepted
    State next(State state, std::uint8_t byte) const { return table_[state][byte]; }
    bool accepts(State state) const { return accepting_[state]; }
    bool goes_on(State state) const { return goes_on_[state]; }  // some byte may follow
    std::size_t size() const { return table_.size(); }

    // From any deterministic description: `next(key, byte)` gives a key or nothing. Nothing when it needs
    // more than kMostStates states.
    template <class Key, class Next, class Accepts>
    static std::optional<ByteDfa> build(const Key& first, Next next, Accepts accepts) {
        ByteDfa dfa;
        std::map<Key, State> known;
        std::vector<Key> keys;
        const auto number = [&](const Key& key) {
            const auto [entry, added] = known.try_emplace(key, static_cast<State>(keys.size()));
            if (added) {
                keys.push_back(key);
                dfa.table_.emplace_back();
                dfa.table_.back().fill(kDead);
                dfa.accepting_.push_back(accepts(key));
            }
            return entry->second;
        };
        dfa.start_ = number(first);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            for (int byte = 0; byte < 256; ++byte) {
                const std::optional<Key> to = next(Key(keys[i]), static_cast<std::uint8_t>(byte));
                if (!to) continue;
                const State target = number(*to);
                dfa.table_[i][static_cast<std::size_t>(byte)] = target;
            }
            if (keys.size() > kMostStates) return std::nullopt;
        }
        dfa.trim();
        return dfa;
    }

    // Exactly these texts.
    static std::optional<ByteDfa> of_literals(const std::vector<std::string>& texts);

  private:
    void trim();  // no way leads to where nothing can be accepted any more

    State start_ = kDead;
    std::vector<std::array<State, 256>> table_;
    std::vector<bool> accepting_;
    std::vector<bool> goes_on_;
};

}  // namespace gptoss::grammar
