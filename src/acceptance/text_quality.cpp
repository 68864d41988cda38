#include "acceptance/text_quality.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <vector>

namespace gptoss::acceptance {
namespace {

bool is_word_byte(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || (static_cast<unsigned char>(c) & 0x80) != 0;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0) {
            word += c;
        } else if (!word.empty()) {
            words.push_back(lower(word));
            word.clear();
        }
    }
    if (!word.empty()) words.push_back(lower(word));
    return words;
}

// Bytes of the UTF-8 character that begins here; 0 when there is none. Overlong forms and surrogates are
// none.
std::size_t utf8_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const unsigned first = byte(0), second = byte(1);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first < 0xE0) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first < 0xF0) {
        const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0);
        return follows(1) && follows(2) && !bad ? 3 : 0;
    }
    if (first >= 0xF0 && first < 0xF5) {
        const bool bad = (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
        return follows(1) && follows(2) && follows(3) && !bad ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string find_marker(std::string_view text) {
    const auto at = text.find("<|");
    if (at != std::string_view::npos) return "\"" + std::string(text.substr(at, 24)) + "\"";
    // Templates that strip markers one by one leave the channel's name before a capital letter.
    for (const std::string_view name : {"analysis", "commentary"}) {
        if (text.starts_with(name) && text.size() > name.size() &&
            std::isupper(static_cast<unsigned char>(text[name.size()])) != 0)
            return "\"" + std::string(text.substr(0, 24)) + "\"";
    }
    return text.find("assistantfinal") == std::string_view::npos ? "" : "\"assistantfinal\"";
}

std::string find_garbage(std::string_view text) {
    constexpr std::size_t kLongestWord_bytes = 400;  // an address or a formula is shorter
    std::size_t word_bytes = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t bytes = utf8_bytes(text.substr(at));
        if (bytes == 0) return "bytes that are not UTF-8 at " + std::to_string(at);
        const auto byte = static_cast<unsigned char>(text[at]);
        if ((byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f)
            return "a control character at " + std::to_string(at);
        if (text.substr(at, bytes) == "\xEF\xBF\xBD") return "U+FFFD at " + std::to_string(at);
        word_bytes = std::isspace(byte) != 0 ? 0 : word_bytes + bytes;
        if (word_bytes > kLongestWord_bytes) return "a word of more than 400 bytes";
        at += bytes;
    }
    return {};
}

std::string find_repetition(std::string_view text) {
    const std::vector<std::string> words = words_of(text);
    // A phrase of `length` words that is said again at once, so and so many times.
    constexpr std::size_t kLongestPhrase = 12;
    for (std::size_t length = 1; length <= kLongestPhrase; ++length) {
        const std::size_t most_times = length == 1 ? 4 : 3;  // "no, no, no, no" is still poetry
        std::size_t equal_words = 0;
        for (std::size_t i = length; i < words.size(); ++i) {
            equal_words = words[i] == words[i - length] ? equal_words + 1 : 0;
            if (equal_words >= length * most_times) {
                std::string phrase = words[i - length + 1];
                for (std::size_t j = i - length + 2; j <= i; ++j) phrase += " " + words[j];
                return "\"" + phrase.substr(0, 60) + "\" more than " + std::to_string(most_times) +
                       " times in a row";
            }
        }
    }
    // Every token twice leaves no long run, but many equal neighbours.
    std::size_t neighbours = 0;
    for (std::size_t i = 1; i < words.size(); ++i) neighbours += words[i] == words[i - 1];
    if (words.size() >= 6 && neighbours * 4 > words.size())
        return std::to_string(neighbours) + " of " + std::to_string(words.size()) +
               " words repeat the one before";
    return {};
}

bool says_word(std::string_view text, std::string_view word) {
    const std::string where = lower(text), what = lower(word);
    for (auto at = where.find(what); at != std::string::npos; at = where.find(what, at + 1)) {
        const bool starts = at == 0 || !is_word_byte(where[at - 1]);
        const bool ends = at + what.size() == where.size() || !is_word_byte(where[at + what.size()]);
        if (starts && ends) return true;
    }
    return false;
}

}  // namespace gptoss::acceptance
