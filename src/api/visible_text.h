// The text a user will see, on its way out: stop strings are found across token borders, and every token's
// log-probability leaves together with the text it made.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::api {

class VisibleText {
  public:
    VisibleText(std::vector<std::string> stop, bool with_logprobs);

    // A token was sampled: it belongs to the text that is added next ...
    void note(const backend::SampledToken& token);
    // ... or it was markup, and to none.
    void forget_noted() { noted_.clear(); }

    // Text that may turn out to be the beginning of a stop string is held back; the stop string and what
    // follows it never come out.
    void add(std::string_view text);
    void flush();  // no more text: what was held back comes out

    bool stopped() const { return !stopped_by_.empty(); }
    const std::string& stopped_by() const { return stopped_by_; }  // the stop string; empty = none came

    // What may be shown now and was not taken yet.
    struct Piece {
        std::string text;
        std::vector<backend::SampledToken> logprobs;
    };
    Piece take();

  private:
    struct Group {  // tokens whose text ends at this offset
        std::vector<backend::SampledToken> tokens;
        std::size_t end_offset_bytes = 0;
    };
    std::size_t held_back_bytes(std::string_view text) const;

    std::vector<std::string> stop_;
    bool with_logprobs_;
    std::string stopped_by_;
    std::string held_;   // may become a stop string
    std::string ready_;  // may be shown
    std::vector<backend::SampledToken> noted_;
    std::deque<Group> groups_;
    std::size_t added_bytes_ = 0;
    std::size_t taken_bytes_ = 0;
};

}  // namespace gptoss::api
