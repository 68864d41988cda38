// Patterns and number ranges against slow references: std::regex, and comparing the numbers themselves.
#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "grammar/grammar_builder.h"
#include "grammar/number_range.h"
#include "grammar/progress.h"
#include "grammar/regular_expression.h"
#include "support/rounds.h"

namespace gptoss::grammar {
namespace {

bool accepts(const ByteDfa& dfa, std::string_view text) {
    ByteDfa::State state = dfa.start();
    for (const char byte : text) {
        if (state == ByteDfa::kDead) return false;
        state = dfa.next(state, static_cast<std::uint8_t>(byte));
    }
    return state != ByteDfa::kDead && dfa.accepts(state);
}

ByteDfa automaton(std::string_view pattern, Spelling spelling = Spelling::plain, LengthRange length = {}) {
    Budget budget;
    CharacterNfa nfa = parse_pattern(pattern, {}, budget);
    if (length.is_limited()) nfa = with_length(nfa, length, budget);
    return to_bytes(nfa, spelling, budget);
}

TEST(Pattern, AgreesWithTheStandardLibrary) {
    std::mt19937 random(4);
    const std::string alphabet = "ab01-_ .A\n\"\\";
    for (const char* pattern : {"a",
                                "^a",
                                "a$",
                                "^a$",
                                "^$",
                                "",
                                "^ab|b$",
                                "a*",
                                "^(a|b)*$",
                                "^(ab)+$",
                                "^a?b$",
                                "^a{2}$",
                                "^a{2,}$",
                                "^a{1,3}b$",
                                "^[ab]+$",
                                "^[^ab]+$",
                                "^[a-b0-1]*$",
                                "^\\d+$",
                                "^\\D+$",
                                "^\\w+$",
                                "^\\W+$",
                                "^\\s$",
                                "^\\S+$",
                                "^.$",
                                "^a.b$",
                                "^(?:a|b){2}$",
                                "^((a)(b)?){1,2}$",
                                "^a\\.b$",
                                "^[\\d_-]+$",
                                "^[-a]+$",
                                "^[a\\]]+$",
                                "^\\x61\\u0062$",
                                "^a+?b$",
                                "^(a|ab)(b|)$",
                                "^(a*)*$",
                                "^(|a)+$",
                                "[ab]{3}",
                                "^\\\"\\\\$",
                                "^(?:)$",
                                "^a{0}$",
                                "^a{0,2}$"}) {
        const std::regex reference(pattern);
        const ByteDfa dfa = automaton(pattern);
        for (int round = 0; round < 4000; ++round) {
            std::string text;
            for (auto i = random() % 6; i > 0; --i) text += alphabet[random() % alphabet.size()];
            // The library's ^ and $ also match beside line ends.
            if (text.find('\n') != std::string::npos &&
                std::string_view(pattern).find_first_of("^$") != std::string_view::npos)
                continue;
            ASSERT_EQ(accepts(dfa, text), std::regex_search(text, reference))
                << pattern << " on '" << text << "'";
        }
    }
}

TEST(Pattern, SpellsCharactersAsJsonDoes) {
    const ByteDfa any = automaton("^[^x]$", Spelling::json_string);
    for (const char* character : {"a", "\"", "\\", "\n", "\x01", "\x7f", "é", "€", "\xED\x9F\xBF",
                                  "\xEE\x80\x80", "😀", "\xF4\x8F\xBF\xBF"}) {
        const std::string text = nlohmann::json(character).dump().substr(1);
        EXPECT_TRUE(accepts(any, text)) << text;
    }
    EXPECT_FALSE(accepts(any, "x\""));
    EXPECT_FALSE(accepts(any, "\xED\xA0\x80\"")) << "a surrogate";
    EXPECT_FALSE(accepts(any, "\n\"")) << "a bare control character";
}

TEST(Pattern, LengthsAreCharacters) {
    const ByteDfa dfa = automaton("é", Spelling::plain, {2, 3});
    for (const auto& [text, accepted] :
         {std::pair{"é", false}, {"éa", true}, {"ééé", true}, {"éaaa", false}, {"aa", false}})
        EXPECT_EQ(accepts(dfa, text), accepted) << text;
    const ByteDfa at_least = automaton("^a*$", Spelling::plain, {3, LengthRange{}.most});
    EXPECT_FALSE(accepts(at_least, "aa"));
    EXPECT_TRUE(accepts(at_least, std::string(100, 'a')));
}

TEST(NumberRange, AgreesWithComparing) {
    std::vector<std::string> numerals;
    const std::vector<std::string> integers{"0",   "1",   "2",   "3",   "4",   "5",   "8",   "9",
                                            "10",  "11",  "12",  "19",  "20",  "21",  "95",  "99",
                                            "100", "101", "119", "120", "121", "999", "1000"};
    for (const char* sign : {"", "-"})
        for (const auto& integer : integers)
            for (const char* fraction : {"", ".0", ".00", ".1", ".2", ".24", ".25", ".250", ".2500001", ".26",
                                         ".3", ".49", ".5", ".50", ".51", ".9", ".99", ".999"})
                numerals.push_back(sign + integer + fraction);
    const std::vector<double> bounds{-1000, -120.5, -100, -20, -10.25, -9, -1, -0.5, -0.25, 0,   0.25, 0.5,
                                     1,     9,      9.5,  10,  12.25,  20, 99, 100,  100.5, 120, 999};
    std::mt19937 random(3);
    for (const bool integers_only : {false, true})
        for (const bool exclusive : {false, true})
            for (const double least : bounds)
                for (const double most : bounds) {
                    if (static_cast<int>(random() % 100) >= test::rounds(20)) continue;
                    const NumberRange range{integers_only, decimal_text(least), decimal_text(most), exclusive,
                                            exclusive};
                    Budget budget;
                    const ByteDfa dfa = number_automaton(range, budget);
                    for (const auto& numeral : numerals) {
                        const double value = std::stod(numeral);
                        bool expected =
                            exclusive ? value > least && value < most : value >= least && value <= most;
                        if (integers_only && numeral.find('.') != std::string::npos) expected = false;
                        if (value == 0 && numeral.starts_with('-')) expected = false;
                        ASSERT_EQ(accepts(dfa, numeral), expected) << numeral << " in " << least << " to "
                                                                   << most << (exclusive ? " exclusive" : "");
                    }
                }
}

// Where an exponent may stand, it counts: beside bounds behind up to three digits, or behind one digit and a
// fraction.
TEST(NumberRange, ExponentsAreComparedToo) {
    std::vector<std::string> numerals;
    for (const char* sign : {"", "-"})
        for (const char* digits :
             {"1", "2", "9", "10", "12", "120", "999", "1.0", "1.2", "1.25", "9.99", "5.5"})
            for (const char* exponent : {"e0", "e1", "E+1", "e-1", "e2", "e3", "e-2", "e-07", "e+10", "e-100",
                                         "e100", "e007", "e308"})
                numerals.push_back(std::string(sign) + digits + exponent);
    const std::vector<double> bounds{-1e9, -1200, -12,  -1, -0.125, -1e-7, 1e-8, 0.01,
                                     0.12, 1,     9.99, 12, 1250,   1e10,  1e300};
    for (const double least : bounds)
        for (const double most : bounds) {
            const bool exclusive = least < 0;
            Budget budget;
            const ByteDfa dfa = number_automaton(
                {false, decimal_text(least), decimal_text(most), exclusive, exclusive}, budget);
            for (const auto& numeral : numerals) {
                const double value = std::strtod(numeral.c_str(), nullptr);
                const bool expected =
                    exclusive ? value > least && value < most : value >= least && value <= most;
                ASSERT_EQ(accepts(dfa, numeral), expected) << numeral << " in " << least << " to " << most;
            }
        }
}

TEST(NumberRange, NumbersWithoutBoundsKeepTheirValue) {
    const std::string uint256 =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    Budget budget;
    for (const NumberRange& range :
         {NumberRange{}, NumberRange{true, {}, {}, false, false}, NumberRange{false, "0", {}, false, false},
          NumberRange{true, "1", {}, false, false}, NumberRange{false, "0", {}, true, false}})
        EXPECT_TRUE(accepts(number_automaton(range, budget), uint256));
    for (const char* numeral :
         {"1.5e-100", "2.2250738585072014e-308", "1.7976931348623157E+308", "0.1", "1e-07"}) {
        EXPECT_TRUE(accepts(number_automaton({}, budget), numeral)) << numeral;
        EXPECT_TRUE(accepts(number_automaton({false, "0", {}, true, false}, budget), numeral)) << numeral;
    }
    for (const char* numeral : {"01", "-", "1.", ".5", "1e", "1e+", "--1", "+1", "1e1234", "0x1"})
        EXPECT_FALSE(accepts(number_automaton({}, budget), numeral)) << numeral;
    EXPECT_FALSE(accepts(number_automaton({}, budget), std::string(limits::kNumberDigits + 1, '1')));
    const ByteDfa u64 = number_automaton({true, "0", "18446744073709551615", false, false}, budget);
    EXPECT_TRUE(accepts(u64, "18446744073709551615"));
    EXPECT_FALSE(accepts(u64, "18446744073709551616"));
}

TEST(NumberRange, DecimalText) {
    EXPECT_EQ(decimal_text(5), "5");
    EXPECT_EQ(decimal_text(-0.25), "-0.25");
    EXPECT_EQ(decimal_text(1e20), "100000000000000000000");
    EXPECT_EQ(decimal_text(1e-7), "0.0000001");
    EXPECT_EQ(decimal_text(18446744073709551615ULL), "18446744073709551615");
}

TEST(OtherKeys, AreAllButTheListedOnes) {
    Budget budget;
    GrammarBuilder builder(budget);
    builder.grammar.start = builder.add_state();
    const std::uint32_t names = builder.add_literals({"ab\"", "abc\"", "x\\\"y\""});
    builder.other_key(builder.grammar.start, names, builder.add_rule_end());
    const auto is_key = [&](std::string_view text) {
        return step(builder.grammar, begin(builder.grammar), text).complete;
    };
    for (const char* key : {"\"", "a\"", "abd\"", "abcd\"", "b\"", "x\\\"\"", "z\\n\"", "é\""})
        EXPECT_TRUE(is_key(key)) << key;
    for (const char* key : {"ab\"", "abc\"", "x\\\"y\"", "a\\u0062\"", "\\u0061b\"", "ab"})
        EXPECT_FALSE(is_key(key)) << key;
}

}  // namespace
}  // namespace gptoss::grammar
