#include "api/call_memory.h"

#include <algorithm>

#include "api/json_equality.h"

namespace gptoss::api {

namespace {

// List node, map nodes and strings' headers, roughly.
constexpr std::size_t kBookkeeping_bytes = 256;

std::size_t size_of(const RememberedReply& reply, const std::vector<CallMemory::CallId>& calls) {
    std::size_t size_bytes = kBookkeeping_bytes * calls.size();
    for (const harmony::Message& message : reply) {
        size_bytes += sizeof message + message.content.size() + message.recipient.size() +
                      message.sampled.size() * sizeof message.sampled.front();
    }
    return size_bytes;
}

// A call without arguments is one with an empty object, whichever of the two says so: the node shows a model's
// blank as {}, and some clients send nothing for {}.
std::string_view arguments_or_empty_object(std::string_view text) {
    return is_blank_json(text) ? "{}" : text;
}

bool is_call_of(const harmony::Message& message, std::string_view name, std::string_view arguments) {
    if (message.recipient != harmony::recipient_of(name)) return false;
    if (message.content_type != harmony::kJsonContentType) return message.content == arguments;
    return equal_json(arguments_or_empty_object(message.content), arguments_or_empty_object(arguments));
}

}  // namespace

CallMemory::CallMemory(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

void CallMemory::remember(RememberedReply reply, std::vector<CallId> calls) {
    const std::size_t size_bytes = size_of(reply, calls);
    auto shared = std::make_shared<const RememberedReply>(std::move(reply));
    const std::lock_guard lock(mutex_);
    if (calls.empty() ||
        std::ranges::any_of(calls, [&](const CallId& call) { return by_id_.contains(call.id); }))
        return;
    entries_.push_front({std::move(shared), std::move(calls), size_bytes});
    for (const CallId& call : entries_.front().calls) by_id_[call.id] = {entries_.begin(), call.place};
    size_bytes_ += size_bytes;
    while (size_bytes_ > limit_bytes_) forget_oldest();
}

std::optional<RecalledCall> CallMemory::recall(const std::string& call_id, std::string_view name,
                                               std::string_view arguments) {
    RecalledCall call;
    {
        const std::lock_guard lock(mutex_);
        const auto found = by_id_.find(call_id);
        if (found == by_id_.end()) return std::nullopt;
        entries_.splice(entries_.begin(), entries_, found->second.entry);
        call = {found->second.entry->reply, found->second.place};
    }
    if (!is_call_of((*call.reply)[call.place], name, arguments)) return std::nullopt;
    return call;
}

void CallMemory::forget_oldest() {
    size_bytes_ -= entries_.back().size_bytes;
    for (const CallId& call : entries_.back().calls) by_id_.erase(call.id);
    entries_.pop_back();
}

}  // namespace gptoss::api
