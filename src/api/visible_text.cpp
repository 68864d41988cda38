#include "api/visible_text.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gptoss::api {

VisibleText::VisibleText(std::vector<std::string> stop, bool with_logprobs)
    : stop_(std::move(stop)), with_logprobs_(with_logprobs) {}

void VisibleText::note(const backend::SampledToken& token) {
    if (with_logprobs_) noted_.push_back(token);
}

// The longest end of `text` that begins some stop string. Both are whole UTF-8 characters, so no character is
// cut.
std::size_t VisibleText::held_back_bytes(std::string_view text) const {
    std::size_t longest = 0;
    for (const std::string& stop : stop_) {
        for (std::size_t size = std::min(stop.size() - 1, text.size()); size > longest; --size) {
            if (text.substr(text.size() - size) == std::string_view(stop).substr(0, size)) longest = size;
        }
    }
    return longest;
}

void VisibleText::add(std::string_view text) {
    if (stopped()) return;
    added_bytes_ += text.size();
    if (!noted_.empty()) groups_.push_back({std::exchange(noted_, {}), added_bytes_});
    held_ += text;
    // The stop string that is complete first, however the text was cut into tokens; of two, the longer one.
    std::size_t first = std::string::npos, first_end = std::string::npos;
    for (const std::string& stop : stop_) {
        const std::size_t begin = held_.find(stop);
        if (begin == std::string::npos) continue;
        const std::size_t end = begin + stop.size();
        if (end < first_end || (end == first_end && begin < first)) {
            first = begin;
            first_end = end;
            stopped_by_ = stop;
        }
    }
    if (first != std::string::npos) {
        ready_.append(held_, 0, first);
        held_.clear();
        return;
    }
    const std::size_t showable = held_.size() - held_back_bytes(held_);
    ready_.append(held_, 0, showable);
    held_.erase(0, showable);
}

void VisibleText::flush() {
    ready_ += held_;
    held_.clear();
}

VisibleText::Piece VisibleText::take() {
    Piece piece{std::exchange(ready_, {}), {}};
    taken_bytes_ += piece.text.size();
    while (!groups_.empty() && groups_.front().end_offset_bytes <= taken_bytes_) {
        std::move(groups_.front().tokens.begin(), groups_.front().tokens.end(),
                  std::back_inserter(piece.logprobs));
        groups_.pop_front();
    }
    return piece;
}

}  // namespace gptoss::api
