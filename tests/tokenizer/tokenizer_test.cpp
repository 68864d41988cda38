// The public contract, with a vocabulary cut from o200k as a small model has it.
#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "golden_lines.h"
#include "support/o200k.h"
#include "support/temporary_folder.h"

namespace gptoss {
namespace {

const Tokenizer& cut() {
    static const Tokenizer tokenizer = Tokenizer::from_metadata(test::cut_metadata());
    return tokenizer;
}

ErrorCode error_of(const gguf::Metadata& metadata) {
    try {
        Tokenizer::from_metadata(metadata);
    } catch (const Error& error) {
        return error.code();
    }
    ADD_FAILURE() << "no error";
    return ErrorCode::cancelled;
}

// tiktoken 0.14.0 with the ranks of the cut vocabulary.
TEST(TokenizerTest, CutVocabularyGivesTiktokensTokens) {
    test::expect_golden_lines(cut(), "cut.jsonl", 278);
}

TEST(TokenizerTest, AnyBytesComeBack) {
    std::mt19937 random(1);
    for (int round = 0; round < 3000; ++round) {
        std::string bytes(random() % 200, '\0');
        // A few distinct values give long pieces and blanks before invalid bytes; many give noise.
        const std::size_t kinds = round % 2 ? 256 : 6;
        static constexpr char kFew[] = {' ', '\n', 'a', '\xFF', '\xC3', '\xA9'};
        for (char& byte : bytes) {
            const std::size_t kind = random() % kinds;
            byte = kinds == 6 ? kFew[kind] : static_cast<char>(kind);
        }
        ASSERT_EQ(cut().decode(cut().encode(bytes)), bytes);
        ASSERT_EQ(cut().decode(cut().encode_with_special(bytes)), bytes);
    }
}

TEST(TokenizerTest, SpecialsInTextAreOrdinaryUnlessAsked) {
    const std::string text = "a<|start|>b<|end|><|en<|end|>";
    for (const TokenId token : cut().encode(text)) EXPECT_FALSE(cut().is_special(token));
    const std::vector<TokenId> tokens = cut().encode_with_special(text);
    EXPECT_EQ(std::count_if(tokens.begin(), tokens.end(), [](TokenId id) { return cut().is_special(id); }),
              3);
    EXPECT_EQ(tokens[1], cut().special().start);
    EXPECT_EQ(tokens.back(), cut().special().end);
    EXPECT_EQ(cut().decode(tokens), text);
}

// Found at the end of the text as well, where less of it is left than the longest special has.
TEST(TokenizerTest, SpecialsAreFoundByTheirText) {
    for (const char* spelling : {"<|call|>", "<|reserved_200013|>", "<|endofprompt|>"}) {
        const auto token = cut().find_special(spelling);
        ASSERT_TRUE(token) << spelling;
        EXPECT_EQ(cut().encode_with_special(spelling), std::vector{*token});
        EXPECT_EQ(cut().bytes(*token), spelling);
    }
    EXPECT_EQ(cut().find_special("<|nothing|>"), std::nullopt);
    EXPECT_EQ(cut().special().message, cut().find_special("<|message|>"));
}

TEST(TokenizerTest, LongestSpecialWins) {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
    const Tokenizer tokenizer = Tokenizer::from_metadata(test::metadata_from_tokens(bytes, {"<x", "<x>"}, 0));
    EXPECT_EQ(tokenizer.encode_with_special("<x><x"), (std::vector<TokenId>{257, 256}));
    EXPECT_EQ(tokenizer.special().start, SpecialTokens::kNoToken);
}

TEST(TokenizerTest, PaddingMeansNothing) {
    const TokenId last = cut().vocabulary_size() - 1;
    EXPECT_TRUE(cut().is_padding(last));
    EXPECT_TRUE(cut().is_special(last));
    EXPECT_EQ(cut().bytes(last), "");
    EXPECT_FALSE(cut().is_padding(cut().special().end));
    for (const TokenId outside : {TokenId{-1}, last + 1}) {
        EXPECT_EQ(cut().bytes(outside), "");
        EXPECT_TRUE(cut().is_padding(outside));
    }
}

TEST(TokenizerTest, AppendKeepsWhatIsThere) {
    // Blank tokens that were there before must survive the taking back before invalid bytes.
    std::vector<TokenId> tokens = cut().encode(" ");
    cut().encode_append(" \xFF", tokens);
    EXPECT_EQ(tokens.front(), cut().encode(" ").front());
    EXPECT_EQ(cut().decode(tokens), "  \xFF");
}

// tiktoken also takes back the blank tokens before a blank last piece. It shows only with a token that o200k
// does not have, a line end followed by a space.
TEST(TokenizerTest, BlanksBeforeInvalidBytesAreMergedAnew) {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
    bytes.emplace_back("\n ");
    const Tokenizer tokenizer = Tokenizer::from_metadata(test::metadata_from_tokens(bytes, {}, 0));
    EXPECT_EQ(tokenizer.encode("x\n "), (std::vector<TokenId>{'x', '\n', ' '}));
    EXPECT_EQ(tokenizer.encode("x\n \xFF"), (std::vector<TokenId>{'x', 256, 0xFF}));
}

// Quadratic merging would take hours over these; the limit is the test program's time.
TEST(TokenizerTest, MegabytesOfOnePieceEnd) {
    const std::string letters(1 << 20, 'a');
    EXPECT_EQ(cut().decode(cut().encode(letters)), letters);
    const std::string invalid = std::string(1 << 20, '\xFF') + letters;
    EXPECT_EQ(cut().decode(cut().encode(invalid)), invalid);
    const std::string spaces(1 << 20, ' ');
    EXPECT_EQ(cut().decode(cut().encode(spaces + "x")), spaces + "x");
    std::string lines;
    for (int i = 0; i < 1 << 18; ++i) lines += "\n   ";
    EXPECT_EQ(cut().decode(cut().encode(lines)), lines);
    std::string brackets(1 << 20, '<');
    EXPECT_EQ(cut().decode(cut().encode_with_special(brackets)), brackets);
}

TEST(TokenizerTest, ReadsFromAFile) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "vocabulary.gguf";
    gguf::write(path, test::cut_metadata(), {});
    const Tokenizer tokenizer = Tokenizer::from_metadata(gguf::File::open(path).metadata());
    EXPECT_EQ(tokenizer.encode("The file is closed by now."), cut().encode("The file is closed by now."));
}

TEST(TokenizerTest, UserDefinedTokensAreSpecial) {
    gguf::Metadata metadata = test::cut_metadata();
    std::vector<std::int64_t> types = metadata.integers("tokenizer.ggml.token_type");
    for (auto& type : types)
        if (type == 3) type = 4;
    metadata.set("tokenizer.ggml.token_type", types);
    EXPECT_EQ(Tokenizer::from_metadata(metadata).special().start, cut().special().start);
}

TEST(TokenizerTest, RefusesWhatIsNotO200k) {
    gguf::Metadata metadata = test::cut_metadata();
    metadata.set("tokenizer.ggml.model", std::string("llama"));
    EXPECT_EQ(error_of(metadata), ErrorCode::file_unsupported);
    metadata = test::cut_metadata();
    metadata.set("tokenizer.ggml.pre", std::string("llama-bpe"));
    EXPECT_EQ(error_of(metadata), ErrorCode::file_unsupported);
    EXPECT_EQ(error_of(gguf::Metadata()), ErrorCode::key_missing);
}

TEST(TokenizerTest, RefusesADamagedVocabulary) {
    const gguf::Metadata good = test::cut_metadata();
    const std::vector<std::string> tokens = good.texts("tokenizer.ggml.tokens");
    const std::vector<std::int64_t> types = good.integers("tokenizer.ggml.token_type");
    const auto with = [&](auto change) {
        std::vector<std::string> changed_tokens = tokens;
        std::vector<std::int64_t> changed_types = types;
        change(changed_tokens, changed_types);
        gguf::Metadata metadata = good;
        metadata.set("tokenizer.ggml.tokens", changed_tokens);
        metadata.set("tokenizer.ggml.token_type", changed_types);
        return error_of(metadata);
    };
    EXPECT_EQ(with([](auto& texts, auto&) { texts[300] = texts[301]; }), ErrorCode::key_invalid)
        << "twice the same";
    EXPECT_EQ(with([](auto& texts, auto&) { texts[0] = "zzzzz"; }), ErrorCode::key_invalid)
        << "byte 0x21 lacks";
    EXPECT_EQ(with([](auto& texts, auto&) { texts[300] = "a b"; }), ErrorCode::key_invalid) << "no spelling";
    EXPECT_EQ(with([](auto& texts, auto&) { texts[300] = "\xC4"; }), ErrorCode::key_invalid) << "cut short";
    EXPECT_EQ(with([](auto& texts, auto&) { texts[300].clear(); }), ErrorCode::key_invalid) << "empty";
    EXPECT_EQ(with([](auto&, auto& kinds) { kinds[300] = 77; }), ErrorCode::key_invalid) << "unknown type";
    EXPECT_EQ(with([](auto&, auto& kinds) { kinds.pop_back(); }), ErrorCode::key_invalid) << "one type less";
    EXPECT_EQ(with([](auto& texts, auto& kinds) { texts.clear(), kinds.clear(); }), ErrorCode::key_invalid);
}

}  // namespace
}  // namespace gptoss
