// Opening whole and split models, and every way in which parts can be wrong.
#include "gguf/file.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "gguf/split_name.h"
#include "gguf/writer.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::gguf {
namespace {

namespace fs = std::filesystem;
const fs::path kOracle = GPTOSS_SOURCE_DIR "/tests/data/oracle";

class SplitModel : public ::testing::Test {
  protected:
    SplitModel() {
        for (int number = 1; number <= 3; ++number) fs::copy(kOracle / name(number), part(number));
    }
    static std::string name(int number) { return "small-0000" + std::to_string(number) + "-of-00003.gguf"; }
    fs::path part(int number) const { return folder_.path() / name(number); }

    // The error that opening gives, or a failed test.
    static Error error_of(const std::function<void()>& action) {
        try {
            action();
        } catch (const Error& error) {
            return error;
        }
        ADD_FAILURE() << "no error";
        return Error(ErrorCode::cancelled, "none");
    }
    Error open_error(int number = 1) const {
        return error_of([&] { File::open(part(number)); });
    }

    test::TemporaryFolder folder_;
};

TEST_F(SplitModel, OpensFromAnyPart) {
    for (int number = 1; number <= 3; ++number) {
        const File file = File::open(part(number));
        EXPECT_EQ(file.parts().size(), 3U);
        EXPECT_EQ(file.metadata().text("general.architecture"), "gpt-oss");
        EXPECT_EQ(file.metadata().unsigned_integer("gpt-oss.block_count"), 4U);
        ASSERT_NE(file.find("token_embd.weight"), nullptr);
        EXPECT_EQ(file.find("token_embd.weight")->shape[1], 1024U);
        EXPECT_EQ(file.find("blk.99.attn_q.weight"), nullptr);
    }
}

TEST_F(SplitModel, AMissingPartIsNamed) {
    fs::remove(part(2));
    const Error error = open_error();
    EXPECT_EQ(error.code(), ErrorCode::part_missing);
    EXPECT_NE(std::string(error.what()).find(name(2)), std::string::npos) << error.what();
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(SplitModel, TheNamedPartMissingIsNotFound) {
    fs::remove(part(1));
    EXPECT_EQ(open_error().code(), ErrorCode::file_not_found);
}

TEST_F(SplitModel, SwappedPartsAreRefused) {
    fs::rename(part(2), part(9));
    fs::rename(part(3), part(2));
    fs::rename(part(9), part(3));
    const Error error = open_error();
    EXPECT_EQ(error.code(), ErrorCode::part_mismatch);
    EXPECT_NE(std::string(error.what()).find("holds part 3, not part 2"), std::string::npos) << error.what();
}

TEST_F(SplitModel, ADuplicatedPartIsRefused) {
    fs::copy(part(2), part(3), fs::copy_options::overwrite_existing);
    EXPECT_EQ(open_error().code(), ErrorCode::part_mismatch);
}

TEST_F(SplitModel, ATruncatedPartIsRefused) {
    fs::resize_file(part(3), fs::file_size(part(3)) - 40000);
    const Error error = open_error();
    EXPECT_EQ(error.code(), ErrorCode::file_corrupt);
    EXPECT_NE(std::string(error.what()).find(name(3)), std::string::npos) << error.what();
}

TEST_F(SplitModel, APartThatLostItsNameIsRefused) {
    fs::rename(part(1), folder_.path() / "model.gguf");
    const Error error = error_of([&] { File::open(folder_.path() / "model.gguf"); });
    EXPECT_EQ(error.code(), ErrorCode::part_mismatch);
}

TEST_F(SplitModel, AForeignFileInAPartsPlaceIsRefused) {
    test::write_file(part(2), std::vector<char>(1000, '<'));
    const Error error = open_error();
    EXPECT_EQ(error.code(), ErrorCode::file_corrupt);
    EXPECT_NE(std::string(error.what()).find("not a GGUF file"), std::string::npos);
}

TEST_F(SplitModel, AnEmptyPartIsRefused) {
    test::write_file(part(2), {});
    EXPECT_EQ(open_error().code(), ErrorCode::file_corrupt);
}

TEST(File, AFolderAndAnAbsentFileAreErrors) {
    try {
        File::open(kOracle);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_unreadable);
    }
    try {
        File::open(kOracle / "absent.gguf");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_not_found);
    }
}

TEST(SplitName, ReadsOnlyTheExactForm) {
    const auto name = parse_split_name("models/a-00002-of-00003.gguf");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->number, 2U);
    EXPECT_EQ(name->count, 3U);
    EXPECT_EQ(name->part(1), "models/a-00001-of-00003.gguf");
    for (const char* other :
         {"a.gguf", "a-0002-of-00003.gguf", "a-00000-of-00003.gguf", "a-00004-of-00003.gguf",
          "a-00002-of-00003.bin", "a-0000x-of-00003.gguf", "-00001-of-00003.gguf"})
        EXPECT_FALSE(parse_split_name(other)) << other;
}

// Some files carry the whole tokenizer.json as a string.
TEST(GgufFile, AStringOfTensOfMegabytesIsRead) {
    const test::TemporaryFolder folder;
    Metadata metadata;
    metadata.set("tokenizer.huggingface.json", std::string(std::size_t{40} << 20, 'x'));
    const auto paths = write(folder.path() / "large.gguf", metadata, {});
    EXPECT_EQ(File::open(paths[0]).metadata().text("tokenizer.huggingface.json").size(),
              std::size_t{40} << 20);
}

}  // namespace
}  // namespace gptoss::gguf
