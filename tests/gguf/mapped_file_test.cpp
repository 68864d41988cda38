// Files that change while they are used: an error that says so, never a signal and never a wrong belief.
#include "gguf/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "gguf/file.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::gguf {
namespace {

class AFile : public ::testing::Test {
  protected:
    AFile() { test::write_file(path_, std::vector<char>(kBytes, 'x')); }

    static ErrorCode refusal(const MappedFile& file) {
        try {
            file.require_unchanged();
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("part.gguf"), std::string::npos) << error.what();
            return error.code();
        }
        return ErrorCode::cancelled;  // no error
    }
    void overwrite_a_byte() const {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(50'000);
        file.put('y');
    }
    timespec modified() const {
        struct stat status {};
        EXPECT_EQ(::stat(path_.c_str(), &status), 0);
        return status.st_mtim;
    }

    static constexpr std::size_t kBytes = 100'000;
    test::TemporaryFolder folder_;
    std::filesystem::path path_ = folder_.path() / "part.gguf";
};

TEST_F(AFile, CutShortReadsAsZerosAndSaysSo) {
    const MappedFile file(path_);
    EXPECT_EQ(refusal(file), ErrorCode::cancelled);
    std::filesystem::resize_file(path_, 10);
    EXPECT_EQ(std::ranges::count(file.bytes(), std::byte{'x'}), 10);
    EXPECT_EQ(std::ranges::count(file.bytes(), std::byte{0}), static_cast<std::ptrdiff_t>(kBytes) - 10);
    EXPECT_EQ(refusal(file), ErrorCode::file_unreadable);
}

TEST_F(AFile, SeveralMappingsComeAndGo) {
    for (int round = 0; round < 3; ++round) {
        std::vector<MappedFile> files;
        for (int i = 0; i < 20; ++i) files.emplace_back(path_);
        std::filesystem::resize_file(path_, 4096);
        for (MappedFile& file : files) {
            const MappedFile moved = std::move(file);
            EXPECT_EQ(std::ranges::count(moved.bytes(), std::byte{'x'}), 4096);
            EXPECT_EQ(refusal(moved), ErrorCode::file_unreadable);
        }
        test::write_file(path_, std::vector<char>(kBytes, 'x'));
        EXPECT_EQ(refusal(MappedFile(path_)), ErrorCode::cancelled);
    }
}

TEST_F(AFile, OverwrittenWithItsTimePutBackIsNoticed) {
    const MappedFile file(path_);
    const timespec time = modified();
    overwrite_a_byte();
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
    EXPECT_EQ(refusal(file), ErrorCode::hash_mismatch);
}

TEST_F(AFile, ReplacedOrRemovedIsNoticed) {
    const MappedFile file(path_);
    const timespec time = modified();
    const auto other = folder_.path() / "other";
    test::write_file(other, std::vector<char>(kBytes, 'x'));
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, other.c_str(), times, 0), 0);
    std::filesystem::rename(other, path_);
    EXPECT_EQ(refusal(file), ErrorCode::hash_mismatch);
    std::filesystem::remove(path_);
    EXPECT_EQ(refusal(file), ErrorCode::hash_mismatch);
}

TEST(FileStamp, AnEqualVerityDigestSettlesIt) {
    const FileStamp before{100, 1, 2, 3, "sha256:aa"};
    FileStamp now{100, 7, 8, 9, "sha256:aa"};  // copied elsewhere and back: still the very bytes
    EXPECT_EQ(content_change(before, now), std::nullopt);
    now.verity = "sha256:bb";
    EXPECT_NE(content_change(before, now), std::nullopt);
    now.verity.clear();
    EXPECT_NE(content_change(before, now), std::nullopt);
    EXPECT_NE(content_change({100, 1, 2, 3, ""}, {100, 1, 5, 3, ""}), std::nullopt);
}

TEST(OpenedModel, CutShortAfterItWasOpened) {
    const test::TemporaryFolder folder;
    for (const char* name :
         {"small-00001-of-00003.gguf", "small-00002-of-00003.gguf", "small-00003-of-00003.gguf"})
        std::filesystem::copy(std::filesystem::path(GPTOSS_SOURCE_DIR "/tests/data/oracle") / name,
                              folder.path() / name);
    const File file = File::open(folder.path() / "small-00001-of-00003.gguf");
    file.require_unchanged();
    std::filesystem::resize_file(folder.path() / "small-00002-of-00003.gguf", 100);
    std::size_t zeros = 0;
    for (const Tensor& tensor : file.tensors()) zeros += std::ranges::count(tensor.data, std::byte{0});
    EXPECT_GT(zeros, 600'000U);
    EXPECT_THROW(file.require_unchanged(), Error);
}

}  // namespace
}  // namespace gptoss::gguf
