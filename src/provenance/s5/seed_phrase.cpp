#include "provenance/s5/seed_phrase.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/key_pair.h"
#include "provenance/s5/seed_words.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr std::size_t kDataWords = 13, kPhraseWords = 15, kPrefixLetters = 3;
constexpr std::size_t kPhraseBytesMax = 4096;

std::size_t bits_of_word(std::size_t place) {
    return place + 1 == kDataWords ? 8 : 10;
}

[[noreturn]] void refuse(const std::string& setting, const std::string& what) {
    throw Error(
        ErrorCode::setting_invalid, setting + " is no seed phrase: " + what,
        "A phrase has 15 words of S5's list, the last two of which check the others. It is not shown here.",
        {{"setting", setting}});
}

// How many bytes at the front of `text` are one blank, as JavaScript counts blanks; 0 when none are.
std::size_t blank_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    if (byte(0) == ' ' || (byte(0) >= 9 && byte(0) <= 13)) return 1;
    if (byte(0) == 0xC2 && byte(1) == 0xA0) return 2;  // U+00A0
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    if ((byte(0) & 0xF0) != 0xE0 || !continues(1) || !continues(2)) return 0;
    const unsigned point = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    const bool blank = point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
                       point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000 ||
                       point == 0xFEFF;
    return blank ? 3 : 0;
}

// Words in lower case.
std::vector<std::string> split(std::string_view phrase) {
    std::vector<std::string> words;
    bool in_word = false;
    while (!phrase.empty()) {
        if (const std::size_t blank = blank_bytes(phrase); blank > 0) {
            in_word = false;
            phrase.remove_prefix(blank);
            continue;
        }
        if (!in_word) words.emplace_back();
        in_word = true;
        const char c = phrase.front();
        words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        phrase.remove_prefix(1);
    }
    return words;
}

// The number of the list's word with the same three letters among the first `bound`.
std::optional<std::size_t> find_word(std::string_view word, std::size_t bound) {
    const auto& words = seed_words();
    const std::string_view prefix = word.substr(0, kPrefixLetters);
    const auto* found =
        std::find_if(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(bound),
                     [&](std::string_view each) { return each.substr(0, kPrefixLetters) == prefix; });
    const auto number = static_cast<std::size_t>(found - words.begin());
    return number < bound ? std::optional(number) : std::nullopt;
}

// The two words that check the others: the first twenty bits of the hash.
std::array<std::size_t, 2> checksum(const Entropy& entropy) {
    const Bytes32 hash = blake3(entropy);
    const unsigned bits = unsigned{hash[0]} << 16 | unsigned{hash[1]} << 8 | hash[2];
    return {bits >> 14, bits >> 4 & 1023};
}

}  // namespace

Entropy entropy_of_phrase(std::string_view phrase, const std::string& setting) {
    if (phrase.size() > kPhraseBytesMax) refuse(setting, "it has more than 4096 bytes");
    std::vector<std::string> words = split(phrase);
    if (words.size() != kPhraseWords)
        refuse(setting, "it has " + std::to_string(words.size()) + " words, not 15");
    Entropy entropy{};
    std::size_t bit = 0;
    for (std::size_t place = 0; place < kDataWords; ++place) {
        const std::size_t bits = bits_of_word(place);
        const auto number = words[place].size() < kPrefixLetters
                                ? std::nullopt
                                : find_word(words[place], std::size_t{1} << bits);
        if (!number)
            refuse(setting,
                   "word " + std::to_string(place + 1) +
                       (bits == 8 ? " is not among the first 256 of the list" : " is not in the list"));
        for (std::size_t i = bits; i-- > 0; ++bit)
            if ((*number >> i & 1) != 0) entropy[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
    }
    const auto check = checksum(entropy);
    for (std::size_t i = 0; i < check.size(); ++i)
        if (words[kDataWords + i].substr(0, kPrefixLetters) !=
            seed_words()[check[i]].substr(0, kPrefixLetters))
            refuse(setting, "word " + std::to_string(kDataWords + i + 1) +
                                " does not fit the others: one of them is wrong, or out of place");
    for (std::string& word : words) wipe({reinterpret_cast<std::uint8_t*>(word.data()), word.size()});
    return entropy;
}

std::string phrase_of_entropy(const Entropy& entropy) {
    std::string phrase;
    std::size_t bit = 0;
    for (std::size_t place = 0; place < kDataWords; ++place) {
        std::size_t number = 0;
        for (std::size_t i = 0; i < bits_of_word(place); ++i, ++bit)
            number = number << 1 | (entropy[bit / 8] >> (7 - bit % 8) & 1U);
        phrase += std::string(seed_words()[number]) + ' ';
    }
    const auto check = checksum(entropy);
    return phrase + std::string(seed_words()[check[0]]) + ' ' + std::string(seed_words()[check[1]]);
}

}  // namespace gptoss::provenance::s5
