#include "api/sealed_text.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace gptoss {
namespace sealed_text_test {

using api::SealedText;

TEST(SealedText, OpensWhatItSealed) {
    const SealedText seal({SealedText::random_key()});
    const std::string sealed = seal.seal("a thought", "reasoning");
    EXPECT_EQ(sealed.find("thought"), std::string::npos);
    EXPECT_EQ(seal.open(sealed, "reasoning"), "a thought");
    EXPECT_EQ(seal.open(seal.seal("", "x"), "x"), "");
    EXPECT_NE(seal.seal("a thought", "reasoning"), sealed);  // a nonce of its own each time
    EXPECT_EQ(seal.open(sealed, "another purpose"), std::nullopt);
    EXPECT_EQ(SealedText({SealedText::random_key()}).open(sealed, "reasoning"), std::nullopt);
}

TEST(SealedText, AnyChangedByteCloses) {
    const SealedText seal({SealedText::random_key()});
    const std::string sealed = seal.seal("a thought", "reasoning");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_NE(seal.open(changed, "reasoning"), "a thought") << i;
        EXPECT_EQ(seal.open(sealed.substr(0, i), "reasoning"), std::nullopt) << i;
    }
    EXPECT_EQ(seal.open("no base64 at all!", "reasoning"), std::nullopt);
}

TEST(SealedText, OldKeysStillOpen) {
    const SealedText::Key old = SealedText::random_key(), fresh = SealedText::random_key();
    const std::string before = SealedText({old}).seal("x", "p");
    const SealedText rotated({fresh, old});
    EXPECT_EQ(rotated.open(before, "p"), "x");
    EXPECT_EQ(SealedText({old}).open(rotated.seal("x", "p"), "p"), std::nullopt);
}

TEST(SealedText, MakesItsKeyFileOnce) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "seal.keys";
    const std::string sealed = api::open_key_file(path).seal("x", "p");
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(api::open_key_file(path).open(sealed, "p"), "x");
    EXPECT_THROW(api::open_key_file(folder.path() / "missing" / "seal.keys"), Error);
    EXPECT_THROW(api::read_keys("# a comment\nnot hexadecimal\n", "file"), Error);
    EXPECT_EQ(api::read_keys("# a comment\r\n\n" + std::string(64, 'a') + "\r\n", "file").size(), 1U);
}

}  // namespace sealed_text_test
}  // namespace gptoss
