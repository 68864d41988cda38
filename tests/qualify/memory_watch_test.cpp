#include "qualify/memory_watch.h"

#include <gtest/gtest.h>

namespace gptoss::qualify {
namespace {

constexpr std::int64_t kMegabyte = 1'000'000;

nlohmann::json status(std::int64_t blocks, std::int64_t host_bytes = 0) {
    return {{"engine",
             {{"kv_blocks_used", blocks / 2},
              {"kv_blocks_cached", blocks - blocks / 2},
              {"kv_blocks_total", 100}}},
            {"card",
             {{"memory",
               {{"full_kv_bytes", 4000 * kMegabyte},
                {"sliding_kv_bytes", 100 * kMegabyte},
                {"host_bytes", host_bytes}}}}}};
}

// Resident memory that begins with 500 MB and grows by so many a look.
bool grew(bool cache_on_gpu, std::int64_t megabytes, std::int64_t blocks, std::int64_t host_bytes = 0) {
    MemoryWatch watch(cache_on_gpu);
    for (std::int64_t i = 0; i < 20; ++i)
        watch.look((500 + i * megabytes) * kMegabyte, status(i * blocks, host_bytes));
    return watch.grew();
}

TEST(MemoryWatch, ALeakIsGrowth) {
    EXPECT_TRUE(grew(true, 20, 0));
    EXPECT_TRUE(grew(false, 30, 0));
    EXPECT_FALSE(grew(true, 1, 0)) << "noise";
}

TEST(MemoryWatch, ACacheThatFillsIsNone) {
    EXPECT_FALSE(grew(false, 40, 1)) << "a block of a hundred is 40 MB";
    EXPECT_TRUE(grew(false, 80, 1)) << "as much again leaks";
    EXPECT_TRUE(grew(true, 40, 1)) << "the cache is on the GPU: this is something else";
    EXPECT_FALSE(grew(true, 40, 1, 4000 * kMegabyte)) << "with layers on the CPU their cache is there";
}

TEST(MemoryWatch, WithoutAStatusTheMemoryCountsAsItIs) {
    MemoryWatch watch(false);
    EXPECT_FALSE(watch.grew());
    for (std::int64_t i = 0; i < 20; ++i) watch.look((500 + i * 40) * kMegabyte, nullptr);
    EXPECT_TRUE(watch.grew());
}

}  // namespace
}  // namespace gptoss::qualify
