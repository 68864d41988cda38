#include "provenance/manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::provenance {
namespace {

class ManifestBesideAModel : public ::testing::Test {
  protected:
    ManifestBesideAModel() {
        for (int i = 1; i <= 2; ++i) {
            paths_.push_back(folder_.path() / ("m-0000" + std::to_string(i) + "-of-00002.gguf"));
            test::write_file(paths_.back(), std::vector<char>(1000, static_cast<char>(i)));
        }
        save_manifest(path(), make_manifest(hash_parts(paths_), "owner/repo", "abc", "hashed today"));
    }
    std::filesystem::path path() const { return manifest_path(paths_[0]); }

    test::TemporaryFolder folder_;
    std::vector<std::filesystem::path> paths_;
};

TEST_F(ManifestBesideAModel, IsReadBackAndBelieved) {
    EXPECT_EQ(path().filename(), "m.manifest.json");
    const auto manifest = load_manifest(path());
    ASSERT_TRUE(manifest);
    EXPECT_EQ(manifest->parts.size(), 2U);
    EXPECT_EQ(manifest->repository, "owner/repo");
    EXPECT_EQ(manifest->composite, composite_hash(hash_parts(paths_)));
    EXPECT_EQ(first_change(*manifest, folder_.path()), std::nullopt);
}

TEST_F(ManifestBesideAModel, AnyTouchEndsTheBelief) {
    const Manifest manifest = *load_manifest(path());
    const auto change = [&] { return first_change(manifest, folder_.path()).value_or("nothing"); };
    std::filesystem::last_write_time(paths_[1],
                                     std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
    EXPECT_NE(change().find("modified"), std::string::npos);
    test::write_file(paths_[1], std::vector<char>(999, 'x'));
    EXPECT_NE(change().find("size"), std::string::npos);
    std::filesystem::remove(paths_[0]);
    EXPECT_NE(change().find("missing"), std::string::npos);
}

TEST_F(ManifestBesideAModel, AReplacedFileIsNoticedThoughSizeAndTimeAgree) {
    const Manifest manifest = *load_manifest(path());
    const auto time = std::filesystem::last_write_time(paths_[0]);
    const auto other = folder_.path() / "other";
    test::write_file(other, std::vector<char>(1000, 'z'));
    std::filesystem::last_write_time(other, time);
    std::filesystem::rename(other, paths_[0]);
    EXPECT_NE(first_change(manifest, folder_.path()).value_or("nothing").find("replaced"), std::string::npos);
}

TEST_F(ManifestBesideAModel, ADamagedManifestIsAnErrorNotATrust) {
    for (
        const std::string text :
        {"", "{", "[]", R"({"parts": 3})",
         R"({"composite_sha256": "x", "parts": [{"file": "../m", "size_bytes": 1, "sha256": "", "modified_ns": 0, "inode": 0}]})"}) {
        test::write_file(path(), std::vector<char>(text.begin(), text.end()));
        EXPECT_THROW(load_manifest(path()), Error) << text;
    }
    std::filesystem::remove(path());
    EXPECT_FALSE(load_manifest(path()));
}

TEST(ManifestPath, FollowsTheModelsName) {
    EXPECT_EQ(manifest_path("a/b.gguf"), "a/b.manifest.json");
    EXPECT_EQ(manifest_path("a/b-00002-of-00003.gguf"), "a/b.manifest.json");
}

}  // namespace
}  // namespace gptoss::provenance
