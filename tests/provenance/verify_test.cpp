#include "provenance/verify.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::provenance {
namespace {

namespace fs = std::filesystem;

class VerifiedModel : public ::testing::Test {
  protected:
    VerifiedModel() {
        for (int i = 1; i <= 3; ++i) {
            parts_.push_back(folder_.path() / ("m-0000" + std::to_string(i) + "-of-00003.gguf"));
            test::write_file(parts_.back(), std::vector<char>(4096, static_cast<char>(i)));
        }
        save_manifest(manifest_path(parts_[0]), make_manifest(hash_parts(parts_), "", "", "hashed"));
        composite_ = composite_hash(hash_parts(parts_));
    }
    VerifyReport report(const std::string& expected = {}) const { return verify({parts_, expected, {}}); }

    test::TemporaryFolder folder_;
    std::vector<fs::path> parts_;
    std::string composite_;
};

TEST_F(VerifiedModel, AnUntouchedModelPasses) {
    const VerifyReport result = report("0x" + composite_);
    EXPECT_FALSE(result.failed());
    EXPECT_EQ(result.composite, composite_);
    EXPECT_EQ(result.comparisons[0].verdict, Verdict::equal);
    EXPECT_EQ(result.comparisons[1].verdict, Verdict::absent);
    EXPECT_EQ(result.comparisons[2].verdict, Verdict::equal);
}

TEST_F(VerifiedModel, OneFlippedBitInAnyPartIsCaughtAndThePartIsNamed) {
    for (const fs::path& part : parts_)
        for (const std::size_t offset : {std::size_t{0}, std::size_t{2047}, std::size_t{4095}}) {
            const auto good = test::read_file(part);
            auto bad = good;
            bad[offset] = static_cast<char>(bad[offset] ^ 4);
            test::write_file(part, bad);
            const VerifyReport result = report(composite_);
            EXPECT_TRUE(result.failed());
            EXPECT_NE(result.comparisons[0].detail.find(part.filename().string()), std::string::npos);
            EXPECT_EQ(result.comparisons[2].verdict, Verdict::different);
            test::write_file(part, good);
        }
    EXPECT_FALSE(report(composite_).failed());
}

TEST_F(VerifiedModel, SwappedPartsAreCaught) {
    fs::rename(parts_[1], folder_.path() / "x");
    fs::rename(parts_[2], parts_[1]);
    fs::rename(folder_.path() / "x", parts_[2]);
    EXPECT_TRUE(report().failed());
}

TEST_F(VerifiedModel, AMissingPartIsAnError) {
    fs::remove(parts_[1]);
    EXPECT_THROW(report(), Error);
}

TEST_F(VerifiedModel, PublishedHashesAreComparedByName) {
    const VerifyReport result = verify({parts_, {}, "gpt-oss-120b"});
    EXPECT_TRUE(result.failed());
    EXPECT_EQ(result.comparisons[1].verdict, Verdict::different);
    EXPECT_THROW(verify({parts_, {}, "gpt-oss-7b"}), Error);
    EXPECT_THROW(verify({parts_, "12", {}}), Error);
}

}  // namespace
}  // namespace gptoss::provenance
