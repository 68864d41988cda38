// Files on their way to S5: an hour without it, and a node that ends meanwhile.
#include "marketplace/outbox.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "support/temporary_folder.h"

namespace gptoss::marketplace {
namespace {

TEST(Outbox, LosesNothingInAnHourWithoutS5AndAsksSeldom) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "ledger.sqlite";
    auto outbox = std::make_unique<Outbox>(path);
    const api::Database database(path, "a test's");
    std::map<std::string, int> tries, arrivals;
    constexpr std::int64_t kAway_s = 3600, kLongestWait_s = 300;
    for (std::int64_t now_s = 0; now_s <= kAway_s + kLongestWait_s; ++now_s) {
        if (now_s % 600 == 0 && now_s < kAway_s) {
            Outbox::put(database, "delta_" + std::to_string(now_s / 600), "words", false);
            Outbox::put(database, "index", "index " + std::to_string(now_s), true);
        }
        if (now_s == kAway_s / 2) outbox = std::make_unique<Outbox>(path);
        while (const auto file = outbox->next(now_s)) {
            if (now_s < kAway_s) {
                ++tries[file->path];
                outbox->failed(*file, now_s);
                continue;
            }
            ++arrivals[file->path];
            if (file->path == "index") {
                EXPECT_EQ(file->body, "index 3000") << "older ones were replaced";
            }
            outbox->uploaded(*file);
        }
    }
    EXPECT_EQ(outbox->waiting(), 0);
    EXPECT_EQ(arrivals.size(), 7U);
    for (const auto& [file, times] : arrivals) EXPECT_EQ(times, 1) << file;
    // 1, 2, 4 … 256 s are nine tries, and one more each 300 s from then on.
    EXPECT_LE(tries["delta_0"], 22);
    EXPECT_GE(tries["delta_0"], 15);
}

}  // namespace
}  // namespace gptoss::marketplace
