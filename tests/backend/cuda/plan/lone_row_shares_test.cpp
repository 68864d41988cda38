// Every group of keys is in one share, shares are equal, and a worker finds whose share a group is in.
#include "backend/cuda/plan/lone_row_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace gptoss::backend::cuda {
namespace {

constexpr std::int32_t kKvHeads = 8;

struct Work {
    std::vector<LoneRowShare> filled;
    LoneRowShares shares;
};

Work work_of(const std::vector<LoneRow>& rows, std::int32_t window, std::size_t workers) {
    Work work{std::vector<LoneRowShare>(workers), {}};
    work.shares = share_lone_rows(rows, window, kKvHeads, work.filled);
    return work;
}

TEST(LoneRowShares, StartsFollowTheList) {
    std::vector<LoneRow> rows;
    for (const std::int32_t position : {0, 5000, 15, 16, 127, 128, 143, 144, 131071, 3})
        rows.push_back({static_cast<std::int32_t>(rows.size()), 0, position});
    for (const std::int32_t window : {0, 128})
        for (const std::size_t workers : {1, 7, 1056}) {
            const Work work = work_of(rows, window, workers);
            std::vector<LoneRowShare> list;  // as plainly as can be
            for (std::int32_t lone = 0; lone < std::ssize(rows); ++lone) {
                std::int32_t groups = 0;
                for (std::int32_t key = 0; key <= rows[lone].position; ++key) {
                    const bool seen = window == 0 || key > rows[lone].position - window;
                    const bool is_first = key % kLoneGroupKeys == 0 || groups == 0;
                    groups += seen && is_first ? 1 : 0;
                }
                for (std::int32_t group = 0; group < groups * kKvHeads; ++group)
                    list.push_back({lone, group, 0, {}});
            }
            std::int64_t begin = 0;
            for (std::int32_t worker = 0; worker < work.shares.workers; ++worker) {
                const LoneRowShare& share = work.filled[worker];
                ASSERT_LT(begin, std::ssize(list));
                EXPECT_EQ(share.lone, list[begin].lone);
                EXPECT_EQ(share.group, list[begin].group);
                EXPECT_EQ(share.row.position, rows[share.lone].position);
                EXPECT_GT(share.groups, 0);
                if (window == 0) {
                    EXPECT_EQ(work.shares.begin(worker), begin);
                    for (std::int64_t group = begin; group < begin + share.groups; ++group)
                        ASSERT_EQ(work.shares.worker_of(group), worker);
                } else {  // never divided
                    EXPECT_EQ(share.group % count_lone_groups(share.row.position, window), 0);
                }
                begin += share.groups;
            }
            EXPECT_EQ(begin, std::ssize(list));
        }
}

TEST(LoneRowShares, SharesAreEqual) {
    const std::vector<LoneRow> rows(77, LoneRow{0, 0, 1024});
    const LoneRowShares shares = work_of(rows, 0, 1056).shares;
    EXPECT_EQ(shares.workers, 1056);
    for (std::int32_t worker = 0; worker < shares.workers; ++worker) {
        const std::int64_t groups = shares.begin(worker + 1) - shares.begin(worker);
        EXPECT_LE(std::abs(groups - shares.pieces / shares.workers), 1);
    }
}

TEST(LoneRowShares, LittleWorkHasFewWorkers) {
    EXPECT_EQ(work_of({}, 0, 100).shares.workers, 0);
    EXPECT_EQ(work_of({{0, 0, 0}}, 0, 100).shares.workers, kKvHeads / kLeastGroupsOfShare);
}

}  // namespace
}  // namespace gptoss::backend::cuda
