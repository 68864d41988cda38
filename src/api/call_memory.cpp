#include "api/call_memory.h"

namespace gptoss::api {

CallMemory::CallMemory(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

void CallMemory::remember(const std::string& call_id, RememberedCall call) {
    constexpr std::size_t kBookkeeping_bytes = 256;  // list node, map node and strings' headers, roughly
    const std::size_t size_bytes = call.name.size() + call.arguments.size() + call.reasoning.size() +
                                   call.preamble.size() + call.sampled.size() * sizeof(TokenId) +
                                   kBookkeeping_bytes;
    const std::lock_guard lock(mutex_);
    if (by_id_.contains(call_id)) return;
    entries_.push_front({call_id, std::move(call), size_bytes});
    by_id_[call_id] = entries_.begin();
    size_bytes_ += size_bytes;
    while (size_bytes_ > limit_bytes_) {
        size_bytes_ -= entries_.back().size_bytes;
        by_id_.erase(entries_.back().call_id);
        entries_.pop_back();
    }
}

std::optional<RememberedCall> CallMemory::recall(const std::string& call_id, const std::string& name,
                                                 const std::string& arguments) {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(call_id);
    if (found == by_id_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    const RememberedCall& call = found->second->call;
    if (call.name != name || call.arguments != arguments) return std::nullopt;
    return call;
}

}  // namespace gptoss::api
