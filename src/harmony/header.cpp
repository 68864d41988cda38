#include "harmony/header.h"

#include <algorithm>
#include <array>

namespace gptoss::harmony {
namespace {

using Mark = HeaderText::Mark;
using Word = HeaderText::Word;

constexpr std::array<std::string_view, 3> kChannels{"analysis", "commentary", "final"};
constexpr std::array<Channel, 3> kChannelValues{Channel::analysis, Channel::commentary, Channel::final};
// Content types that are recognised where they stand without <|constrain|> or a recipient.
constexpr std::array<std::string_view, 4> kTypes{"json", "code", "text", "markdown"};
constexpr std::array<std::string_view, 4> kOtherRoles{"user", "system", "developer", "tool"};
constexpr std::string_view kAssistant = "assistant";
constexpr std::string_view kRecipient = "to=";
constexpr std::string_view kNamespace = "functions.";

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '+' || c == '/';
}

std::string_view name_prefix(std::string_view text) {
    return text.substr(0, static_cast<std::size_t>(
                              std::find_if_not(text.begin(), text.end(), is_name_character) - text.begin()));
}

template <class List>
bool holds(const List& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

struct ChannelGuess {
    Channel channel;
    bool exact;
    std::size_t length;  // characters that are the channel's; the rest was glued to it
};

std::optional<ChannelGuess> guess_channel(std::string_view word) {
    for (std::size_t i = 0; i < kChannels.size(); ++i) {
        if (word == kChannels[i]) return ChannelGuess{kChannelValues[i], true, word.size()};
        if (const auto at = word.find(kChannels[i]); at != std::string_view::npos)
            return ChannelGuess{kChannelValues[i], false, at + kChannels[i].size()};
    }
    // "comment", "anal", "fin": the model (or the token limit) stopped short.
    const std::string_view name = name_prefix(word);
    for (std::size_t i = 0; i < kChannels.size(); ++i)
        if (name.size() >= 3 && kChannels[i].starts_with(name))
            return ChannelGuess{kChannelValues[i], false, name.size()};
    return std::nullopt;
}

// Reads word after word. In a closed header a word that is none of its parts is collected; in an open one the
// text of the message begins there and reading stops.
class Reader {
  public:
    Reader(const HeaderText& source, const HeaderContext& context)
        : source_(source), context_(context), words_(source.words()) {
        header_.tidy = context.closed;
    }

    Header read() {
        for (next_ = 0; next_ < words_.size() && !stopped_;) {
            const Word word = words_[next_++];
            switch (word.mark) {
                case Mark::channel:
                    read_channel(word);
                    break;
                case Mark::constrain:
                    read_type(word);
                    break;
                case Mark::none:
                    read_plain(word);
                    break;
            }
        }
        if (header_.channel != Channel::commentary) header_.tidy = false;  // where calls belong
        if (!header_.assistant) header_.function.clear();
        return std::move(header_);
    }

  private:
    void read_channel(const Word& word) {
        const auto guess = guess_channel(source_.text(word));
        if (header_.channel || !guess || !guess->exact) header_.tidy = false;
        if (guess) header_.channel = guess->channel;
        if (context_.closed) return;  // what is glued to a name in its place is a slip, not speech
        const std::size_t used = guess ? guess->length : 0;
        if (word.begin + used < word.end) text_begins(word.begin + used);
    }

    void read_type(const Word& word) {
        const std::string_view type = name_prefix(source_.text(word));
        const bool accepted = context_.closed || holds(kTypes, type);
        if (type != "json") header_.tidy = false;
        if (!accepted) return text_begins(word.begin);
        if (word.begin + type.size() < word.end) leftover({word.begin + type.size(), word.end, Mark::none});
    }

    void read_plain(Word word) {
        const bool is_first = std::exchange(first_, false);
        // Without <|start|> and without any marker it is a word like any other.
        const bool author_here =
            author_possible_ && (context_.explicit_start || context_.closed || source_.has_marks());
        if (author_here && source_.text(word).starts_with(kAssistant)) {
            if (!is_first || !context_.explicit_start) header_.tidy = false;  // said twice
            while (source_.text(word).starts_with(kAssistant)) word.begin += kAssistant.size();
            if (word.begin == word.end || source_.text(word).starts_with(':')) return;
            header_.tidy = false;
        } else if (is_first && context_.explicit_start && is_other_author(source_.text(word))) {
            header_.assistant = false;
            header_.tidy = false;
            author_possible_ = false;
            return;
        }
        author_possible_ = false;
        const std::string_view text = source_.text(word);
        if (text.starts_with(kRecipient)) return read_recipient(word);
        if (holds(kTypes, name_prefix(text)) && (context_.closed || has_recipient_)) return read_type(word);
        if (!context_.closed) return text_begins(word.begin);
        if (holds(kChannels, text) && !header_.channel) return read_channel_without_marker(text);
        if (const auto name = offered_name(text); !has_recipient_ && !name.empty()) {
            header_.function = name;
            has_recipient_ = true;
            header_.tidy = false;
            return;
        }
        if (has_recipient_ && !has_type_ && name_prefix(text) == text) {
            has_type_ = true;
            header_.tidy = false;
            return;
        }
        leftover(word);
    }

    void read_channel_without_marker(std::string_view text) {
        header_.channel = guess_channel(text)->channel;
        header_.tidy = false;
    }

    void read_recipient(Word word) {
        word.begin += kRecipient.size();
        if (word.begin == word.end) {  // "to= functions.x"
            header_.tidy = false;
            if (next_ == words_.size() || words_[next_].mark != Mark::none) return;
            word = words_[next_++];
        }
        has_recipient_ = true;
        std::string_view value = source_.text(word);
        value = value.substr(0, value.find("<|"));  // a marker spelled in letters
        if (value == kAssistant || value == "user" || value == "all") {
            header_.tidy = false;
            return;
        }
        if (value.size() != word.end - word.begin) header_.tidy = false;
        if (accept(value)) return;
        header_.tidy = false;
        for (const auto type : kTypes)  // "get_weatherjson"
            if (value.ends_with(type) && accept(value.substr(0, value.size() - type.size()))) return;
        const std::string_view name = name_prefix(value);
        if (!accept(name)) header_.addresses_other = header_.function.empty();
        if (name.size() < value.size())
            leftover({word.begin + name.size(), word.begin + value.size(), Mark::none});
    }

    bool accept(std::string_view recipient) {
        const std::string_view name = offered_name(recipient);
        if (name.empty()) return false;
        // Only "functions." and the name, once, is the recipient as it should be written.
        if (!header_.function.empty() || recipient.size() != kNamespace.size() + name.size())
            header_.tidy = false;
        if (header_.function.empty()) header_.function = name;
        header_.addresses_other = false;
        return true;
    }

    // The offered function that a recipient means; empty = none. Names are the client's and may begin with
    // "functions." themselves, so one "functions." is taken off first; what else the model may have meant is
    // tried after that.
    std::string_view offered_name(std::string_view recipient) const {
        std::string_view name = recipient;
        if (name.starts_with(kNamespace)) name.remove_prefix(kNamespace.size());
        if (offered(name)) return name;
        if (offered(recipient)) return recipient;
        while (name.starts_with(kNamespace)) {
            name.remove_prefix(kNamespace.size());
            if (offered(name)) return name;
        }
        return {};
    }

    bool offered(std::string_view name) const { return context_.offered && holds(*context_.offered, name); }

    bool is_other_author(std::string_view word) const {
        return holds(kOtherRoles, word.substr(0, word.find(':'))) ||
               (word.find('.') != std::string_view::npos && name_prefix(word) == word) || offered(word);
    }

    void leftover(const Word& word) {
        header_.tidy = false;
        if (!context_.closed) return text_begins(word.begin);
        header_.text.append(source_.text(word)) += ' ';
    }

    void text_begins(std::size_t at) {
        header_.tidy = false;
        // Blanks before the first word are the text's own; after a part of a header they only separate.
        const bool nothing_before = at == words_.front().begin && !source_.has_marks();
        header_.text = source_.bytes().substr(nothing_before ? 0 : at);
        stopped_ = true;
    }

    const HeaderText& source_;
    const HeaderContext& context_;
    std::vector<Word> words_;
    Header header_;
    std::size_t next_ = 0;
    bool stopped_ = false;
    bool first_ = true;
    bool author_possible_ = true;
    bool has_recipient_ = false;
    bool has_type_ = false;
};

}  // namespace

std::vector<Word> HeaderText::words() const {
    std::vector<Word> words;
    auto mark = marks_.begin();
    Mark pending = Mark::none;
    bool in_word = false;
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
        for (; mark != marks_.end() && mark->position == i; ++mark) {
            pending = mark->mark;
            in_word = false;
        }
        if (is_space(bytes_[i])) {
            in_word = false;
            continue;
        }
        // A recipient may be glued to the word before it.
        const bool recipient = std::string_view(bytes_).substr(i).starts_with("to=functions.");
        if (!in_word || recipient) words.push_back({i, i, std::exchange(pending, Mark::none)});
        in_word = true;
        words.back().end = i + 1;
    }
    return words;
}

Header read_header(const HeaderText& header, const HeaderContext& context) {
    return Reader(header, context).read();
}

bool is_plain_text(const HeaderText& header, const HeaderContext& context) {
    if (header.has_marks()) return false;
    const auto words = header.words();
    const bool last_is_complete = !header.bytes().empty() && is_space(header.bytes().back());
    if (!words.empty() && header.bytes().find('\n', words.front().begin) != std::string::npos) return true;

    // Could `word` be, or (while it is incomplete) become, `part`?
    const auto fits = [](std::string_view word, std::string_view part, bool complete) {
        return complete ? word == part : part.starts_with(word);
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool complete = i + 1 < words.size() || last_is_complete;
        std::string_view word = header.text(words[i]);
        if (i == 0 && context.explicit_start && (!complete || word.find('.') != std::string_view::npos))
            continue;
        if (word.starts_with(kRecipient) || word.starts_with(kAssistant)) continue;
        if (i > 0 && header.text(words[i - 1]) == kRecipient) continue;
        const auto fits_word = [&](std::string_view part) { return fits(word, part, complete); };
        if (fits_word(kAssistant) || fits_word(kRecipient)) continue;
        if (std::any_of(kChannels.begin(), kChannels.end(), fits_word)) continue;
        if (std::any_of(kTypes.begin(), kTypes.end(), fits_word)) continue;
        if (i == 0 && context.explicit_start &&
            std::any_of(kOtherRoles.begin(), kOtherRoles.end(), fits_word))
            continue;
        if (kNamespace.starts_with(word) || word.starts_with(kNamespace)) continue;
        if (context.offered && std::any_of(context.offered->begin(), context.offered->end(), fits_word))
            continue;
        return true;
    }
    return false;
}

}  // namespace gptoss::harmony
