#include "provenance/manifest.h"

#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "provenance/background_check.h"
#include "provenance/partial_file.h"
#include "provenance/url.h"
#include "provenance/whole_file.h"
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

TEST_F(ManifestBesideAModel, OverwrittenInPlaceWithTheTimePutBackIsNotBelieved) {
    const Manifest manifest = *load_manifest(path());
    const auto time = std::filesystem::last_write_time(paths_[1]);
    test::write_file(paths_[1], std::vector<char>(1000, 'z'));
    std::filesystem::last_write_time(paths_[1], time);
    EXPECT_NE(first_change(manifest, folder_.path()), std::nullopt);
}

TEST_F(ManifestBesideAModel, WithoutChangeTimesIsNotBelieved) {
    const auto text = test::read_file(path());
    auto json = nlohmann::json::parse(text.begin(), text.end());
    for (auto& part : json["parts"]) part.erase("changed_ns");
    EXPECT_NE(first_change(parse_manifest(json.dump(), path()), folder_.path()), std::nullopt);
}

// The kernel's word stands against the bytes: as if the clock had been set back for the writing.
TEST_F(ManifestBesideAModel, ABackgroundCheckFindsWhatTheStampsHide) {
    for (const bool tampered : {false, true}) {
        Manifest manifest = *load_manifest(path());
        if (tampered) test::write_file(paths_[1], std::vector<char>(1000, 'z'));
        manifest.parts[1].stamp = *gguf::stamp_of(paths_[1]);
        ASSERT_EQ(first_change(manifest, folder_.path()), std::nullopt);
        ASSERT_TRUE(needs_background_check(manifest));
        std::promise<bool> told;
        BackgroundCheck check(paths_, manifest,
                              [&](bool trusted, const std::string&) { told.set_value(trusted); });
        EXPECT_EQ(told.get_future().get(), !tampered);
        EXPECT_EQ(check.mismatch().find("m-00002-of-00002.gguf") != std::string::npos, tampered)
            << check.mismatch();
        EXPECT_EQ(std::filesystem::exists(path()), !tampered);
    }
}

TEST_F(ManifestBesideAModel, ABackgroundCheckDoesNotBlameAFileThatCameLater) {
    const Manifest manifest = *load_manifest(path());
    test::write_file(folder_.path() / "other", std::vector<char>(1000, 'z'));
    std::filesystem::rename(folder_.path() / "other", paths_[1]);
    std::promise<std::string> told;
    const BackgroundCheck check(paths_, manifest,
                                [&](bool, const std::string& line) { told.set_value(line); });
    EXPECT_NE(told.get_future().get().find("replaced"), std::string::npos);
    EXPECT_EQ(check.mismatch(), "");
}

TEST(WholeFile, ReplacesALinkInsteadOfFollowingIt) {
    const test::TemporaryFolder folder;
    const auto precious = folder.path() / "precious", name = folder.path() / "name";
    test::write_file(precious, {'p'});
    std::filesystem::create_symlink(precious, name);
    std::filesystem::create_symlink(precious, name.string() + ".tmp");
    write_whole_file(name, "text");
    EXPECT_EQ(test::read_file(precious), std::vector<char>{'p'});
    EXPECT_EQ(test::read_file(name), (std::vector<char>{'t', 'e', 'x', 't'}));
    EXPECT_FALSE(std::filesystem::is_symlink(name));
    EXPECT_FALSE(std::filesystem::exists(name.string() + ".tmp"));
}

TEST(PartialFileOnDisk, ALinkIsNotWrittenTo) {
    const test::TemporaryFolder folder;
    const auto precious = folder.path() / "precious";
    test::write_file(precious, {'p'});
    const RemoteFile remote{"m.gguf", 10, "", "http://host/m.gguf"};
    for (const bool symbolic : {true, false}) {
        const auto part = folder.path() / "m.gguf.part";
        std::filesystem::remove(part);
        if (symbolic)
            std::filesystem::create_symlink(precious, part);
        else
            std::filesystem::create_hard_link(precious, part);
        EXPECT_THROW(PartialFile(folder.path() / "m.gguf", remote), Error);
        EXPECT_EQ(test::read_file(precious), std::vector<char>{'p'});
    }
}

TEST(Url, NamesAreEncodedByteByByte) {
    EXPECT_EQ(encoded_path("UD Q4/My Model+Q4 (x).gguf"), "UD%20Q4/My%20Model%2BQ4%20%28x%29.gguf");
    EXPECT_EQ(encoded_path("a#b?c%d.gguf"), "a%23b%3Fc%25d.gguf");
    EXPECT_EQ(encoded_path("gr\xC3\xB6\xC3\x9F"
                           "e.gguf"),
              "gr%C3%B6%C3%9Fe.gguf");
    EXPECT_EQ(encoded_segment("refs/pr/1"), "refs%2Fpr%2F1");
    EXPECT_EQ(encoded_segment("a-b_c.d~e"), "a-b_c.d~e");
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
