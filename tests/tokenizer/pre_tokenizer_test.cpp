// The hand-written matcher against the real regular expression in PCRE2, and its tables against other
// sources.
#include "tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/rounds.h"
#include "tokenizer/utf8.h"

namespace gptoss {
namespace {

constexpr const char* kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*)"
    R"(|\s*[\r\n]+)"
    R"(|\s+(?!\S))"
    R"(|\s+)";

class Pcre {
  public:
    explicit Pcre(const char* pattern) {
        int error = 0;
        PCRE2_SIZE offset = 0;
        code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
        if (!code_) throw std::runtime_error("pattern error at " + std::to_string(offset));
        pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
        match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    }

    // End of the match that starts at `start`; npos when there is none.
    std::size_t match_end(const std::string& text, std::size_t start) const {
        const int matched = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                        start, PCRE2_ANCHORED, match_.get(), nullptr);
        return matched < 0 ? std::string::npos : pcre2_get_ovector_pointer(match_.get())[1];
    }

  private:
    struct Free {
        void operator()(pcre2_code* code) const { pcre2_code_free(code); }
        void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    };
    std::unique_ptr<pcre2_code, Free> code_;
    std::unique_ptr<pcre2_match_data, Free> match_;
};

std::string utf8(std::uint32_t code_point) {
    const auto tail = [code_point](int shift) {
        return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
    };
    const auto lead = [code_point](std::uint32_t mark, int shift) {
        return static_cast<char>(mark | code_point >> shift);
    };
    if (code_point < 0x80) return {static_cast<char>(code_point)};
    if (code_point < 0x800) return {lead(0xC0, 6), tail(0)};
    if (code_point < 0x10000) return {lead(0xE0, 12), tail(6), tail(0)};
    return {lead(0xF0, 18), tail(12), tail(6), tail(0)};
}

// Characters on which PCRE2 10.42 (Unicode 14) and Rust's regular expressions (Unicode 16) agree: those
// assigned in Unicode 14, but for U+180E, which PCRE2 alone counts as space.
std::vector<std::string> shared_characters() {
    const Pcre unassigned(R"(\p{Cn})");
    std::vector<std::string> characters;
    for (std::uint32_t code_point = 0; code_point < 0x110000; ++code_point) {
        if ((code_point >= 0xD800 && code_point < 0xE000) || code_point == 0x180E) continue;
        std::string character = utf8(code_point);
        if (unassigned.match_end(character, 0) == std::string::npos)
            characters.push_back(std::move(character));
    }
    return characters;
}

std::vector<std::string> pieces(const std::string& text) {
    static const PreTokenizer pre_tokenizer;
    std::vector<std::string> found;
    const char* const end = text.data() + text.size();
    for (const char* piece = text.data(); piece != end;) {
        const char* const behind = pre_tokenizer.piece_end(piece, end);
        found.emplace_back(piece, behind);
        piece = behind;
    }
    return found;
}

void expect_equal(const Pcre& pattern, const std::string& text) {
    std::vector<std::string> expected;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = pattern.match_end(text, start);
        ASSERT_NE(end, std::string::npos) << testing::PrintToString(text);
        expected.push_back(text.substr(start, end - start));
        start = end;
    }
    ASSERT_EQ(pieces(text), expected) << testing::PrintToString(text);
}

TEST(PreTokenizerTest, EqualsTheRegularExpressionOnRandomText) {
    const Pcre pattern(kPattern);
    const std::vector<std::string> characters = shared_characters();
    // What the alternatives turn on, so that they meet often.
    static const std::vector<std::string> kTurns = {
        " ",      "  ", "\n", "\r",     "\t",     "\v", "\u00a0", "\u0085", "\u2028",  "\u3000",  "'",
        "'s",     "'S", "'t", "'re",    "'VE",    "'m", "'Ll",    "'d",     "'\u017f", "'\u212a", "\u017f",
        "s",      "l",  "a",  "b",      "A",      "B",  "\u01c5", "\u02b0", "\u05d0",  "\u4e00",  "\u0301",
        "\u093e", "1",  "23", "\u0661", "\u00b2", "/",  "!",      ".",      "-",       "\u200d",  "\u20ac"};
    std::mt19937 random(1);
    for (int round = 0; round < test::rounds(60000); ++round) {
        std::string text;
        for (auto i = random() % 24; i > 0; --i)
            text +=
                random() % 5 ? kTurns[random() % kTurns.size()] : characters[random() % characters.size()];
        expect_equal(pattern, text);
        if (HasFatalFailure()) return;
    }
}

TEST(PreTokenizerTest, EqualsTheRegularExpressionOnEveryCharacter) {
    const Pcre pattern(kPattern);
    std::mt19937 random(2);
    for (const std::string& character : shared_characters()) {
        if (static_cast<int>(random() % 100) >= test::rounds(100)) continue;
        expect_equal(pattern, "a" + character + "B'" + character + "s1" + character + " " + character + "\n" +
                                  character);
        if (HasFatalFailure()) return;
    }
}

// Rust's case folding is Unicode's: a long s is an s. (A Kelvin sign is a k, of which there is none.)
TEST(PreTokenizerTest, LongSIsAnS) {
    EXPECT_EQ(pieces("it'\u017fx"), (std::vector<std::string>{"it'\u017f", "x"}));
    EXPECT_EQ(pieces("it'\u212ax"), (std::vector<std::string>{"it", "'\u212ax"}));
}

TEST(PreTokenizerTest, ContractionsAtTheEndOfTheText) {
    EXPECT_EQ(pieces("a'"), (std::vector<std::string>{"a", "'"}));
    EXPECT_EQ(pieces("a'r"), (std::vector<std::string>{"a", "'r"}));
    EXPECT_EQ(pieces("a're"), (std::vector<std::string>{"a're"}));
    EXPECT_EQ(pieces("a'\u0153"), (std::vector<std::string>{"a", "'\u0153"}));  // starts like a long s
}

// Debian's unicode-data is another copy of the database, version 15.0: what it assigns has not changed since.
TEST(CharacterClassTest, EqualsTheUnicodeDatabase) {
    std::ifstream file("/usr/share/unicode/extracted/DerivedGeneralCategory.txt");
    if (!file) GTEST_SKIP() << "needs Debian's unicode-data";
    using namespace character_set;
    const CharacterClasses& classes = CharacterClasses::instance();
    std::uint32_t compared = 0;
    for (std::string line; std::getline(file, line);) {
        unsigned first = 0;
        unsigned last = 0;
        char category[3] = {};
        if (std::sscanf(line.c_str(), "%x..%x ; %2s", &first, &last, category) != 3) {
            if (std::sscanf(line.c_str(), "%x ; %2s", &first, category) != 2) continue;
            last = first;
        }
        const std::string name = category;
        if (name == "Cn" || name == "Cs") continue;
        for (std::uint32_t code_point = first; code_point <= last; ++code_point, ++compared) {
            std::uint8_t expected = kOther;
            if (name[0] == 'M') expected = kMark;
            if (name[0] == 'N') expected = kNumber;
            if (name == "Lu" || name == "Lt") expected = kUpper;
            if (name == "Ll") expected = kLower;
            if (name == "Lm" || name == "Lo") expected = kLetter;
            const bool control_space = (code_point >= 9 && code_point <= 13) || code_point == 0x85;
            if (name[0] == 'Z' || control_space) expected = kSpace;
            if (code_point == '\n' || code_point == '\r') expected = kNewline;
            ASSERT_EQ(classes.of(code_point), expected) << std::hex << code_point;
        }
    }
    EXPECT_GT(compared, 280000U);
}

TEST(Utf8Test, ValidLength) {
    struct Case {
        std::string text;
        std::size_t valid;
    };
    const std::vector<Case> cases = {{"", 0},
                                     {"abc", 3},
                                     {"0123456789", 10},
                                     {"01234567\x80", 8},
                                     {"\x80", 0},
                                     {"a\xC2", 1},
                                     {"\xC1\x81", 0},
                                     {"\xE0\x9F\xBF", 0},
                                     {"\xE0\xA0\x80", 3},
                                     {"\xED\x9F\xBF", 3},
                                     {"\xED\xA0\x80", 0},
                                     {"\xEE\x80\x80", 3},
                                     {"x\xE2\x82", 1},
                                     {"\xE2(\xA1", 0},
                                     {"\xF0\x8F\xBF\xBF", 0},
                                     {"\xF0\x90\x80\x80", 4},
                                     {"\xF4\x8F\xBF\xBF", 4},
                                     {"\xF4\x90\x80\x80", 0},
                                     {"\xF5\x80\x80\x80", 0},
                                     {"\xF0\x9F\x98", 0}};
    for (const Case& c : cases)
        EXPECT_EQ(valid_utf8_length(c.text), c.valid) << testing::PrintToString(c.text);
    for (std::uint32_t code_point = 0; code_point < 0x110000; ++code_point) {
        const std::string text = utf8(code_point);
        const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
        ASSERT_EQ(valid_utf8_length(text), surrogate ? 0 : text.size());
        ASSERT_EQ(decode_utf8(text.data()).value, code_point);
        ASSERT_EQ(decode_utf8(text.data()).length_bytes, text.size());
    }
}

}  // namespace
}  // namespace gptoss
