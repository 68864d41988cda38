// Fast merging against the slow, obvious form.
#include "tokenizer/merge.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "support/o200k.h"
#include "tokenizer/vocabulary.h"

namespace gptoss {
namespace {

void expect_equal(const RankTable& ranks, const std::string& piece) {
    std::vector<TokenId> fast;
    std::vector<TokenId> slow;
    PieceMerger(ranks).append(piece, fast);
    append_tokens_of_piece_slowly(ranks, piece, slow);
    ASSERT_EQ(fast, slow) << testing::PrintToString(piece);
}

TEST(MergeTest, EqualsTheSlowFormOnRandomPieces) {
    const Vocabulary vocabulary(test::cut_metadata());
    std::mt19937 random(1);
    for (int round = 0; round < 4000; ++round) {
        // Few distinct letters make many equal pairs: ties, and merges that void their neighbours.
        static constexpr std::string_view kLetters = "aeintrs hol\n=-";
        const std::size_t distinct = 1 + random() % kLetters.size();
        std::string piece(1 + random() % 140, ' ');
        for (char& letter : piece) letter = kLetters[random() % distinct];
        expect_equal(vocabulary.ranks(), piece);
    }
}

TEST(MergeTest, EqualsTheSlowFormOnJoinedTokens) {
    const Vocabulary vocabulary(test::cut_metadata());
    std::mt19937 random(2);
    for (int round = 0; round < 2000; ++round) {
        std::string piece;
        for (auto i = 1 + random() % 30; i > 0; --i)
            piece += vocabulary.bytes(static_cast<TokenId>(random() % 3500));
        expect_equal(vocabulary.ranks(), piece);
    }
}

// Tokens that merging cannot reach exist in a cut vocabulary: a whole piece is taken, a part of one never.
TEST(MergeTest, UnreachableTokensAreTakenOnlyWhole) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    tokens.insert(tokens.end(), {"abcd", "bc"});
    const Vocabulary vocabulary(test::metadata_from_tokens(tokens, {}, 0));
    std::vector<TokenId> out;
    PieceMerger(vocabulary.ranks()).append("abcd", out);
    PieceMerger(vocabulary.ranks()).append("abcde", out);
    EXPECT_EQ(out, (std::vector<TokenId>{256, 'a', 257, 'd', 'e'}));
}

TEST(RankTableTest, TellsStringsApart) {
    // Zero bytes at the end, and long strings that differ in one byte.
    const std::vector<std::string> strings = {"a",
                                              std::string("a\0", 2),
                                              std::string("a\0\0", 3),
                                              "12345678",
                                              std::string("12345678\0", 9),
                                              "123456789",
                                              std::string(100, 'x'),
                                              std::string(99, 'x') + 'y',
                                              "y" + std::string(99, 'x'),
                                              "1234567",
                                              std::string("1234567\0", 8)};
    RankTable table(strings.size());
    for (Rank rank = 0; rank < strings.size(); ++rank) EXPECT_EQ(table.insert(strings[rank], rank), kNoRank);
    for (Rank rank = 0; rank < strings.size(); ++rank) {
        EXPECT_EQ(table.find(strings[rank]), rank);
        EXPECT_EQ(table.insert(strings[rank], 77), rank);
    }
    EXPECT_EQ(table.find(std::string(98, 'x')), kNoRank);
    EXPECT_EQ(table.find(std::string(101, 'x')), kNoRank);
    EXPECT_EQ(table.find_byte('a'), 0U);
    EXPECT_EQ(table.find_two("a\0"), 1U);
    EXPECT_EQ(table.find_two("aa"), kNoRank);
}

}  // namespace
}  // namespace gptoss
