// Receipts on a disk that stalls: another program holds the file, as a backup may.
#include "node/receipts.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

class ReceiptsTest : public testing::Test {
  protected:
    void SetUp() override {
        settings_.receipts = ReceiptsMode::on;
        settings_.receipts_path = folder_.path() / "receipts.sqlite";
        settings_.host_private_key = "0x" + std::string(63, '0') + "1";
        validation_.composite = std::string(64, 'a');
        receipts_ = open_receipts(settings_, validation_, {"text", {}}, nullptr);
        ASSERT_EQ(sqlite3_open(settings_.receipts_path.c_str(), &other_), SQLITE_OK);
    }
    void TearDown() override {
        receipts_.reset();
        sqlite3_close(other_);
    }

    void other_says(const char* sql) {
        ASSERT_EQ(sqlite3_exec(other_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(other_);
    }
    void add(const std::string& id, std::size_t tokens) {
        api::AnsweredChoice choice;
        choice.id = id;
        choice.prompt.assign(tokens, 1);
        receipts_->add(std::move(choice));
    }

    bool found(const std::string& id) {
        try {
            return receipts_->find(id).has_value();
        } catch (const Error&) {
            return false;
        }
    }

    test::TemporaryFolder folder_;
    Settings settings_;
    Validation validation_;
    std::shared_ptr<api::Receipts> receipts_;
    sqlite3* other_ = nullptr;
};

TEST_F(ReceiptsTest, IsFoundRightAfterItWasAdded) {
    for (int i = 0; i < 50; ++i) {
        const std::string id = "reply-" + std::to_string(i);
        add(id, 1000);
        EXPECT_TRUE(receipts_->find(id).has_value()) << id;
    }
}

TEST_F(ReceiptsTest, KeepsWhatFitsWhileTheFileIsHeldAndNoMore) {
    other_says("BEGIN IMMEDIATE");
    constexpr std::size_t kLargest = 131'072;
    constexpr int kMoreThanFits = (16 << 20) / kLargest + 10;
    for (int i = 0; i < kMoreThanFits; ++i) add("reply-" + std::to_string(i), kLargest);
    other_says("COMMIT");
    receipts_.reset();  // writes what waits
    receipts_ = open_receipts(settings_, validation_, {"text", {}}, nullptr);
    int found = 0;
    for (int i = 0; i < kMoreThanFits; ++i)
        found += receipts_->find("reply-" + std::to_string(i)).has_value();
    EXPECT_TRUE(receipts_->find("reply-0").has_value());
    EXPECT_GE(found, 120);
    EXPECT_LT(found, kMoreThanFits);
    EXPECT_FALSE(receipts_->find("reply-" + std::to_string(kMoreThanFits - 1)).has_value());
}

TEST_F(ReceiptsTest, AreReadWhileAnotherProgramWrites) {
    add("before", 10);
    EXPECT_TRUE(receipts_->find("before").has_value());
    other_says("BEGIN IMMEDIATE");
    EXPECT_TRUE(receipts_->find("before").has_value());
    EXPECT_FALSE(receipts_->find("never").has_value());
    add("held", 10);
    EXPECT_THROW(receipts_->find("held"), Error);  // not "there is none": it is on its way
    other_says("COMMIT");
    for (int i = 0; i < 4 && !found("held"); ++i) continue;
    EXPECT_TRUE(found("held"));
}

TEST_F(ReceiptsTest, AreTheirHostsAlone) {
    add("reply", 10);
    EXPECT_TRUE(receipts_->find("reply").has_value());
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
        using std::filesystem::perms;
        EXPECT_EQ(file.status().permissions() & (perms::group_all | perms::others_all), perms::none)
            << file.path();
        ++files;
    }
    EXPECT_GE(files, 2);  // the write-ahead log too
}

}  // namespace
}  // namespace gptoss::node
