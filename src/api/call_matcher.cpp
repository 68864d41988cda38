#include "api/call_matcher.h"

#include <utility>

namespace gptoss::api {

namespace {

std::string pair_key(const std::string& id, const std::string& name) {
    return id + '\0' + name;
}

}  // namespace

void CallMatcher::add_call(const std::string& id, const std::string& name) {
    if (std::exchange(answering_, false)) ++turn_;
    const std::size_t number = calls_.size();
    calls_.push_back({name, turn_, false});
    add(by_id_and_name_, pair_key(id, name), number);
    add(by_id_, id, number);
    add(by_name_, name, number);
    latest_by_id_[id] = number;
}

void CallMatcher::add(Waiting& waiting, const std::string& key, std::size_t number) {
    std::vector<Together>& groups = waiting[key];
    const bool joins =
        !groups.empty() && !groups.back().empty() && calls_[groups.back().back()].turn == calls_[number].turn;
    if (!joins) groups.emplace_back();
    groups.back().push_back(number);
}

// Calls that were answered by another key are dropped here, so that each is looked at once for each key.
std::optional<std::size_t> CallMatcher::take(Waiting& waiting, const std::string& key) {
    const auto found = waiting.find(key);
    if (found == waiting.end()) return std::nullopt;
    std::vector<Together>& groups = found->second;
    while (!groups.empty()) {
        if (groups.back().empty()) {
            groups.pop_back();
            continue;
        }
        const std::size_t number = groups.back().front();
        groups.back().pop_front();
        if (!calls_[number].answered) return number;
    }
    return std::nullopt;
}

std::optional<CallMatcher::Call> CallMatcher::answer(const std::string& id, const std::string& name) {
    answering_ = true;
    auto number = name.empty() ? std::nullopt : take(by_id_and_name_, pair_key(id, name));
    // An id that is given counts more than the name beside it.
    if (!number && (!id.empty() || name.empty())) number = take(by_id_, id);
    if (!number && !id.empty()) {
        if (const auto latest = latest_by_id_.find(id); latest != latest_by_id_.end())
            number = latest->second;
    }
    if (!number && !name.empty()) number = take(by_name_, name);
    if (!number) return std::nullopt;
    calls_[*number].answered = true;
    return Call{calls_[*number].name, *number};
}

}  // namespace gptoss::api
