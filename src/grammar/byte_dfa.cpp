#include "grammar/byte_dfa.h"

namespace gptoss::grammar {

ByteDfa::State ByteDfa::Rows::add(bool accepts) {
    if (next.size() >= kMostStates)
        throw BudgetExceeded("it needs more than " + std::to_string(kMostStates) + " states");
    next.emplace_back().fill(kDead);
    accepting.push_back(accepts);
    return static_cast<State>(next.size() - 1);
}

ByteDfa::ByteDfa(Rows rows) {
    trim(rows);
    compress(rows);
    accepting_ = std::move(rows.accepting);
}

void ByteDfa::trim(Rows& rows) {
    const std::size_t count = rows.next.size();
    std::vector<std::vector<State>> before(count);
    for (std::size_t from = 0; from < count; ++from)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const State to = rows.next[from][byte];
            if (to != kDead && (byte == 0 || to != rows.next[from][byte - 1]))
                before[to].push_back(static_cast<State>(from));
        }
    std::vector<bool> live = rows.accepting;
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
    can_continue_.assign(count, false);
    for (std::size_t from = 0; from < count; ++from)
        for (State& to : rows.next[from]) {
            if (to != kDead && !live[to]) to = kDead;
            if (to != kDead) can_continue_[from] = true;
        }
    start_ = count > 0 && live[0] ? State{0} : kDead;
}

void ByteDfa::compress(const Rows& rows) {
    // Classes are split, state by state, where two bytes of one class lead to different states.
    classes_ = 1;
    std::array<std::size_t, 256> byte_of{};  // some byte of each class
    for (const auto& row : rows.next) {
        bool splits = false;
        for (std::size_t byte = 0; byte < 256 && !splits; ++byte)
            splits = row[byte] != row[byte_of[class_of_[byte]]];
        if (!splits) continue;
        std::map<std::pair<std::uint8_t, State>, std::uint8_t> parts;
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const auto [part, added] =
                parts.try_emplace({class_of_[byte], row[byte]}, static_cast<std::uint8_t>(parts.size()));
            if (added) byte_of[part->second] = byte;
            class_of_[byte] = part->second;
        }
        classes_ = parts.size();
    }
    table_.reserve(rows.next.size() * classes_);
    for (const auto& row : rows.next)
        for (std::size_t i = 0; i < classes_; ++i) table_.push_back(row[byte_of[i]]);
}

}  // namespace gptoss::grammar
