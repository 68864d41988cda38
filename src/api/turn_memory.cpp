#include "api/turn_memory.h"

#include <algorithm>
#include <utility>

namespace gptoss::api {

bool TurnBudget::take(const std::string& owner, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = by_owner_.find(owner);
    const std::size_t own_bytes = (found == by_owner_.end() ? 0 : found->second) + bytes;
    if (held_bytes_ + bytes > limits::kAllTurnBytes || own_bytes > limits::kAllTurnBytes / 4) return false;
    held_bytes_ += bytes;
    by_owner_[owner] = own_bytes;
    return true;
}

void TurnBudget::give_back(const std::string& owner, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    held_bytes_ -= bytes;
    const auto found = by_owner_.find(owner);
    if (found != by_owner_.end() && (found->second -= bytes) == 0) by_owner_.erase(found);
}

TurnMemory::~TurnMemory() {
    while (!turns_.empty()) drop_oldest();
}

void TurnMemory::drop_oldest() {
    budget_->give_back(owner_, turns_.back().size_bytes);
    held_bytes_ -= turns_.back().size_bytes;
    turns_.pop_back();
}

const Json* TurnMemory::find(const std::string& id) const {
    const auto found = std::ranges::find(turns_, id, &Turn::id);
    return found == turns_.end() ? nullptr : &found->items;
}

void TurnMemory::remember(const std::string& id, Json items, const Json& response) {
    for (const Json& item : response.value("output", Json::array())) items.push_back(item);
    const std::size_t size_bytes = to_text(items).size();
    while (!turns_.empty() && (turns_.size() >= kTurnsKept || held_bytes_ + size_bytes > limits::kTurnBytes))
        drop_oldest();
    if (size_bytes > limits::kTurnBytes || !budget_->take(owner_, size_bytes)) return;
    held_bytes_ += size_bytes;
    turns_.push_front({id, std::move(items), size_bytes});
}

void TurnMemory::forget(const std::string& id) {
    const auto found = std::ranges::find(turns_, id, &Turn::id);
    if (found == turns_.end()) return;
    std::rotate(found, found + 1, turns_.end());
    drop_oldest();
}

}  // namespace gptoss::api
