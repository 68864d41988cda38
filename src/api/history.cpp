#include "api/history.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iterator>
#include <utility>

namespace gptoss::api {

namespace {

using harmony::Channel;
using harmony::Message;
using harmony::Role;

std::string without_blanks(std::string_view text) {
    std::string out;
    std::ranges::copy_if(text, std::back_inserter(out), [](char c) {
        return std::string_view(" \t\r\n").find(c) == std::string_view::npos;
    });
    return out;
}

// What a reply said on one channel, without its calls.
std::string said_on(const RememberedReply& reply, Channel channel) {
    std::string all;
    for (const Message& message : reply)
        if (message.recipient.empty() && message.channel == channel) all += message.content;
    return all;
}

bool says_something(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80; });
}

// Clients trim and shorten, or send a dot where something must be said. White space does not count: texts of
// several messages were joined.
bool is_part_of(std::string_view text, const RememberedReply& reply, Channel channel) {
    if (!says_something(text)) return true;
    const std::string all = without_blanks(said_on(reply, channel)), part = without_blanks(text);
    // Unlike std::string::find this takes linear time, whatever the texts are.
    return memmem(all.data(), all.size(), part.data(), part.size()) != nullptr;
}

}  // namespace

void HistoryBuilder::add_instructions(std::string_view text) {
    if (text.empty()) return;
    if (!conversation_.instructions.empty()) conversation_.instructions += "\n\n";
    conversation_.instructions += text;
}

void HistoryBuilder::add_developer(std::string text) {
    if (conversation_.messages.empty()) return add_instructions(text);
    if (text.empty()) return;
    finish();
    Message message;
    message.role = Role::developer;
    message.content = std::move(text);
    conversation_.messages.push_back(std::move(message));
}

void HistoryBuilder::add_preamble(const std::optional<std::string>& reasoning, std::string text) {
    say(Channel::analysis, reasoning.value_or(""));
    say(Channel::commentary, std::move(text));
}

void HistoryBuilder::add_user(std::string text) {
    finish();
    Message message;
    message.role = Role::user;
    message.content = std::move(text);
    conversation_.messages.push_back(std::move(message));
}

void HistoryBuilder::say(Channel channel, std::string text) {
    if (text.empty()) return;
    Message message;
    message.role = Role::assistant;
    message.channel = channel;
    message.content = std::move(text);
    conversation_.messages.push_back(std::move(message));
}

std::optional<RecalledCall> HistoryBuilder::recall(const PastCall& call) {
    if (memory_ == nullptr || call.id.empty() || !recalled_ids_.insert(call.id).second) return std::nullopt;
    return memory_->recall(call.id, call.name, call.input);
}

void HistoryBuilder::add_assistant(const std::optional<std::string>& reasoning, std::string text,
                                   const std::vector<PastCall>& calls) {
    std::vector<std::optional<RecalledCall>> recalled;
    for (const PastCall& call : calls) recalled.push_back(recall(call));
    const auto first = std::ranges::find_if(recalled, [](const auto& call) { return call.has_value(); });
    if (first != recalled.end()) {
        begin_reply(**first, reasoning, std::move(text));
    } else {
        say(Channel::analysis, reasoning.value_or(""));
        say(calls.empty() ? Channel::final : Channel::commentary, std::move(text));
    }
    for (std::size_t i = 0; i < calls.size(); ++i) add_call(calls[i], recalled[i]);
}

// What was said before the first call of this turn that is remembered.
void HistoryBuilder::begin_reply(const RecalledCall& first, const std::optional<std::string>& reasoning,
                                 std::string text) {
    Told& told = told_[first.reply];
    const bool own_reasoning = reasoning && !is_part_of(*reasoning, *first.reply, Channel::analysis);
    if (own_reasoning && told.reasoning != reasoning) {
        say(Channel::analysis, *reasoning);
        told.reasoning = reasoning;
    }
    const bool own_text = !is_part_of(text, *first.reply, Channel::commentary);
    const bool new_text = own_text && told.text != text;
    if (own_text) told.text = text;
    tell_up_to(first);
    if (new_text) say(Channel::commentary, std::move(text));
}

// The messages of a remembered reply before a call, as far as they are not in the history yet.
void HistoryBuilder::tell_up_to(const RecalledCall& call) {
    Told& told = told_[call.reply];
    for (; told.next < call.place; ++told.next) {
        const Message& message = (*call.reply)[told.next];
        if (!message.recipient.empty()) continue;  // a call: the client says which of them it made
        const bool replaced =
            message.channel == Channel::analysis ? told.reasoning.has_value() : told.text.has_value();
        if (!replaced) conversation_.messages.push_back(message);
    }
    told.next = std::max(told.next, call.place + 1);
}

void HistoryBuilder::add_call(const PastCall& call, const std::optional<RecalledCall>& recalled) {
    calls_.add_call(call.id, call.name);
    if (recalled) {
        tell_up_to(*recalled);
        conversation_.messages.push_back((*recalled->reply)[recalled->place]);
        return;
    }
    Message message;
    message.role = Role::assistant;
    message.channel = Channel::commentary;
    message.recipient = harmony::recipient_of(call.name);
    if (!call.is_custom) message.content_type = harmony::kJsonContentType;
    message.content = call.input;
    conversation_.messages.push_back(std::move(message));
}

bool HistoryBuilder::add_tool_result(const std::string& call_id, const std::string& name, std::string text) {
    const auto call = calls_.answer(call_id, name);
    if (!call && name.empty()) return false;
    Message message;
    message.role = Role::tool;
    message.channel = Channel::commentary;
    message.name = harmony::recipient_of(call ? call->name : name);
    message.content = std::move(text);
    if (call) results_[message.name].push_back({conversation_.messages.size(), call->number});
    conversation_.messages.push_back(std::move(message));
    return true;
}

void HistoryBuilder::finish() {
    for (auto& [function, results] : results_) {
        auto sorted = results;
        std::ranges::stable_sort(sorted, {}, &Result::call);
        std::vector<std::string> texts;
        for (const Result& result : sorted)
            texts.push_back(std::move(conversation_.messages[result.place].content));
        for (std::size_t i = 0; i < results.size(); ++i)
            conversation_.messages[results[i].place].content = std::move(texts[i]);
    }
    results_.clear();
}

}  // namespace gptoss::api
