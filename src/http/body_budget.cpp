#include "http/body_budget.h"

namespace gptoss::http {

bool BodyBudget::Share::grow(std::size_t bytes) {
    if (budget_ == nullptr || !budget_->take(client_, bytes)) return false;
    bytes_ += bytes;
    return true;
}

bool BodyBudget::take(const std::string& client, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = by_client_.find(client);
    const std::size_t of_client = found == by_client_.end() ? 0 : found->second;
    if (held_bytes_ + bytes > total_bytes_ || of_client + bytes > client_bytes_) return false;
    held_bytes_ += bytes;
    by_client_[client] = of_client + bytes;
    return true;
}

void BodyBudget::give_back(const std::string& client, std::size_t bytes) {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    held_bytes_ -= bytes;
    const auto found = by_client_.find(client);
    found->second -= bytes;
    if (found->second == 0) by_client_.erase(found);
}

}  // namespace gptoss::http
