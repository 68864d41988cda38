#include "api/item_event.h"

#include <algorithm>
#include <string_view>

namespace gptoss::api {

namespace {
constexpr std::string_view kBetweenParagraphs = "\n\n";
}

void Transcript::add(const ItemEvent& event) {
    switch (event.step) {
        case ItemEvent::Step::begin:
            items.push_back({event.kind, {}, event.call_id, event.name, event.custom, false, {}});
            break;
        case ItemEvent::Step::delta:
            items.back().text += event.text;
            items.back().logprobs.insert(items.back().logprobs.end(), event.logprobs.begin(),
                                         event.logprobs.end());
            break;
        case ItemEvent::Step::end:
            items.back().complete = event.complete;
            break;
    }
}

std::string Transcript::reasoning() const {
    std::string text;
    for (const Item& item : items) {
        if (item.kind == ItemKind::reasoning) text += item.text;
    }
    return text;
}

std::string Transcript::content() const {
    std::string text;
    for (const Item& item : items) {
        if (!is_visible(item.kind) || item.text.empty()) continue;
        if (!text.empty()) text += kBetweenParagraphs;
        text += item.text;
    }
    return text;
}

bool Transcript::has_calls() const {
    return std::ranges::any_of(items, [](const Item& item) { return item.kind == ItemKind::call; });
}

std::vector<backend::SampledToken> Transcript::logprobs() const {
    std::vector<backend::SampledToken> tokens;
    for (const Item& item : items) tokens.insert(tokens.end(), item.logprobs.begin(), item.logprobs.end());
    return tokens;
}

std::string Paragraphs::next(const ItemEvent& delta) {
    if (delta.text.empty()) return {};
    const bool another = last_item_ >= 0 && delta.item != last_item_;
    last_item_ = delta.item;
    return another ? std::string(kBetweenParagraphs) + delta.text : delta.text;
}

}  // namespace gptoss::api
