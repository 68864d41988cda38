#include "tokenizer/pre_tokenizer.h"

#include "tokenizer/utf8.h"

namespace gptoss {
namespace {

using namespace character_set;

constexpr std::uint8_t kNeutral = kLetter | kMark;  // in both runs of a word
constexpr std::uint8_t kUpperRun = kUpper | kNeutral;
constexpr std::uint8_t kLowerRun = kLower | kNeutral;
constexpr std::uint8_t kInWord = kUpper | kLower | kNeutral;
constexpr std::uint8_t kWordPrefix = kOther | kMark | kSpace;  // [^\r\n\p{L}\p{N}]
constexpr std::uint8_t kSymbol = kOther | kMark;               // [^\s\p{L}\p{N}]

// (?i:'s|'t|'re|'ve|'m|'ll|'d)? Case folding in Rust's regular expressions is Unicode's, so U+017F (long s)
// is an s. No other character folds to one of these letters.
const char* skip_contraction(const char* position, const char* end) {
    if (end - position < 2 || *position != '\'') return position;
    const char first = static_cast<char>(position[1] | 0x20);  // lower case, if it is a letter at all
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return position + 2;
    if (end - position < 3) return position;
    if (position[1] == '\xC5' && position[2] == '\xBF') return position + 3;
    const char second = static_cast<char>(position[2] | 0x20);
    const bool matches = (second == 'e' && (first == 'r' || first == 'v')) || (second == 'l' && first == 'l');
    return matches ? position + 3 : position;
}

}  // namespace

inline PreTokenizer::Character PreTokenizer::at(const char* position, const char* end) const {
    if (position == end) return {0, position};
    const auto byte = static_cast<unsigned char>(*position);
    if (byte < 0x80) return {classes_.of_ascii(byte), position + 1};
    const CodePoint code_point = decode_utf8(position);
    return {classes_.of(code_point.value), position + code_point.length_bytes};
}

inline const char* PreTokenizer::skip(const char* position, const char* end, std::uint8_t sets) const {
    for (Character next = at(position, end); next.is(sets); next = at(position, end)) position = next.behind;
    return position;
}

// Alternatives 1 and 2 without prefix and contraction. 1 is U*L+ with U the upper-or-neutral characters and
// L the lower-or-neutral ones: after the longest run of U, either a lower letter follows and L+ takes all it
// can, or the expression backs up to the last neutral character of the run, which L+ then takes. If there is
// neither, only 2, U+L*, can match, and takes the run.
inline PreTokenizer::Word PreTokenizer::word(const char* begin, const char* end) const {
    const char* position = begin;
    const char* neutral_end = nullptr;
    Character next = at(position, end);
    while (next.is(kUpperRun)) {
        position = next.behind;
        if (next.is(kNeutral)) neutral_end = position;
        next = at(position, end);
    }
    if (next.is(kLower)) return {skip(next.behind, end, kLowerRun), position};
    return {neutral_end, position};
}

const char* PreTokenizer::piece_end(const char* begin, const char* end) const {
    const Character first = at(begin, end);

    // 1 and 2, each first with a prefix, then without. A mark can be prefix and letter, nothing else can.
    if (first.is(kWordPrefix) && at(first.behind, end).is(kInWord)) {
        const Word prefixed = word(first.behind, end);
        if (prefixed.end) return skip_contraction(prefixed.end, end);
        if (first.is(kMark)) return skip_contraction(first.behind, end);
        return skip_contraction(prefixed.upper_end, end);
    }
    if (first.is(kInWord)) {
        const Word bare = word(begin, end);
        return skip_contraction(bare.end ? bare.end : bare.upper_end, end);
    }

    // 3: up to three digits.
    if (first.is(kNumber)) {
        const Character second = at(first.behind, end);
        if (!second.is(kNumber)) return first.behind;
        const Character third = at(second.behind, end);
        return third.is(kNumber) ? third.behind : second.behind;
    }

    // 4: symbols, after a space or not, with the line ends and slashes that follow.
    const bool space_then_symbol = *begin == ' ' && at(first.behind, end).is(kSymbol);
    if (first.is(kSymbol) || space_then_symbol) {
        const char* position = skip(first.behind, end, kSymbol);
        while (position != end && (*position == '\r' || *position == '\n' || *position == '/')) ++position;
        return position;
    }
    return space_end(begin, end);
}

// 5: whitespace up to its last line end; 6: else all but the last character, which may be the prefix of what
// follows, or all at the end of the text; 7: else that one character.
const char* PreTokenizer::space_end(const char* begin, const char* end) const {
    const char* position = begin;
    const char* last = begin;
    const char* newline_end = nullptr;
    for (Character next = at(position, end); next.is(kSpace | kNewline); next = at(position, end)) {
        last = position;
        position = next.behind;
        if (next.is(kNewline)) newline_end = position;
    }
    if (newline_end) return newline_end;
    return position == end || last == begin ? position : last;
}

}  // namespace gptoss
