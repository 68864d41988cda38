// The header of one message the model wrote: everything between <|start|>assistant and <|message|>, read as
// kindly as possible. Pure: bytes and markers in, a reading out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harmony/message.h"

namespace gptoss::harmony {

// The header as it was sampled: its text, and where in it <|channel|> and <|constrain|> stood.
class HeaderText {
  public:
    enum class Mark { none, channel, constrain };

    // A run of text without white space, and the marker that stood before it.
    struct Word {
        std::size_t begin = 0;
        std::size_t end = 0;
        Mark mark = Mark::none;
    };

    void add_text(std::string_view text) { bytes_ += text; }
    void add_mark(Mark mark) { marks_.push_back({bytes_.size(), mark}); }

    const std::string& bytes() const { return bytes_; }
    bool has_marks() const { return !marks_.empty(); }
    bool empty() const { return bytes_.empty() && marks_.empty(); }
    std::vector<Word> words() const;
    std::string_view text(const Word& word) const {
        return std::string_view(bytes_).substr(word.begin, word.end - word.begin);
    }

  private:
    struct Marked {
        std::size_t position;
        Mark mark;
    };
    std::string bytes_;
    std::vector<Marked> marks_;
};

struct Header {
    bool assistant = true;  // false: the model speaks as somebody else
    std::optional<Channel> channel;
    std::string function;  // an offered function that is called, without "functions."; empty = no call
    bool addresses_other = false;  // a recipient that was not offered
    std::string text;              // words that are no header: they belong to the message's text
    bool tidy = true;              // nothing had to be guessed: the model may be shown these tokens again
};

struct HeaderContext {
    bool explicit_start = false;  // <|start|> was there, so the first word is an author
    bool closed = true;  // <|message|> followed; otherwise text begins at the first word that is no header
    const std::vector<std::string>* offered = nullptr;  // names without "functions."
};

Header read_header(const HeaderText& header, const HeaderContext& context);

// True as soon as a header in progress, still without any marker, can only be plain text: so that an answer
// without markup is streamed at once.
bool is_plain_text(const HeaderText& header, const HeaderContext& context);

}  // namespace gptoss::harmony
