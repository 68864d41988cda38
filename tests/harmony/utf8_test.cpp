#include "harmony/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace gptoss::harmony {
namespace {

std::string whole(std::string_view bytes) {
    Utf8Assembler assembler;
    std::string out;
    assembler.push(bytes, out);
    assembler.flush(out);
    return out;
}

#define R "\xEF\xBF\xBD"

TEST(Utf8Assembler, KeepsValidText) {
    const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x92\x96z";
    EXPECT_EQ(whole(text), text);
    EXPECT_EQ(whole(std::string_view("\0", 1)), std::string("\0", 1));
    EXPECT_EQ(whole("\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80"), "\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80");
}

// The examples of Unicode 15, section 3.9, tables 3-8 to 3-11.
TEST(Utf8Assembler, ReplacesMaximalSubparts) {
    EXPECT_EQ(whole("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), R R R R R R R R "A");
    EXPECT_EQ(whole("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), R R R R R R R R "A");
    EXPECT_EQ(whole("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), R R R R R "A" R R "B");
    EXPECT_EQ(whole("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), R R R R "A");
}

// The slow reference: at each byte try every length of a well-formed sequence, else cut the longest prefix of
// one.
std::string reference(std::string_view bytes) {
    const auto valid_prefix = [](std::string_view s) {  // can `s` be begun a character with?
        const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
        if (s.empty()) return false;
        const unsigned lead = at(0);
        const std::size_t length = lead < 0x80   ? 1
                                   : lead < 0xC2 ? 0
                                   : lead < 0xE0 ? 2
                                   : lead < 0xF0 ? 3
                                   : lead < 0xF5 ? 4
                                                 : 0;
        if (s.size() > length) return false;
        for (std::size_t i = 1; i < s.size(); ++i)
            if (at(i) < 0x80 || at(i) > 0xBF) return false;
        if (s.size() < 2) return true;
        return !(lead == 0xE0 && at(1) < 0xA0) && !(lead == 0xED && at(1) > 0x9F) &&
               !(lead == 0xF0 && at(1) < 0x90) && !(lead == 0xF4 && at(1) > 0x8F);
    };
    const auto length_of = [](unsigned char lead) -> std::size_t {
        return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    };
    std::string out;
    while (!bytes.empty()) {
        std::size_t used = 0;
        while (used < bytes.size() && valid_prefix(bytes.substr(0, used + 1))) ++used;
        if (used > 0 && used == length_of(static_cast<unsigned char>(bytes[0]))) {
            out += bytes.substr(0, used);
        } else {
            out += R;
            used = std::max<std::size_t>(used, 1);
        }
        bytes.remove_prefix(used);
    }
    return out;
}

TEST(Utf8Assembler, AgreesWithTheReferenceOnRandomBytesInRandomPieces) {
    const std::string alphabet = "A\x80\x8F\x90\x9F\xA0\xBF\xC0\xC2\xDF\xE0\xE1\xED\xEF\xF0\xF1\xF4\xF5\xFF";
    std::uint32_t seed = 1;
    const auto next = [&](std::uint32_t bound) {
        seed = seed * 1664525u + 1013904223u;
        return (seed >> 8) % bound;
    };
    for (int round = 0; round < 20000; ++round) {
        std::string bytes;
        for (std::uint32_t i = next(12); i > 0; --i)
            bytes += alphabet[next(static_cast<std::uint32_t>(alphabet.size()))];
        Utf8Assembler assembler;
        std::string out;
        for (std::size_t at = 0; at < bytes.size();) {
            const std::size_t length = 1 + next(3);
            assembler.push(std::string_view(bytes).substr(at, length), out);
            at += length;
        }
        assembler.flush(out);
        ASSERT_EQ(out, reference(bytes)) << "round " << round;
    }
}

}  // namespace
}  // namespace gptoss::harmony
